# One verb per command. Each runs in .venv, which tools/install.py makes on the first call and checks on the later ones.
# Works with GNU make 3.81 (macOS) and newer. Without make: README.md lists the same commands in plain form.

# An environment that is there already knows its Python; otherwise the first of these that really starts.
PYTHON ?= $(shell for python in .venv/bin/python python3.11 python3.12 python3.13 python3; do \
	if $$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' >/dev/null 2>&1; \
	then echo $$python; exit; fi; done; echo python3)
PORT ?=
ARGS ?=

ENVIRONMENT = @command -v '$(PYTHON)' >/dev/null || { \
	echo "No program called $(PYTHON) here: install Python 3.11, 3.12 or 3.13, or name yours with PYTHON=..." >&2; exit 2; }; \
	'$(PYTHON)' tools/install.py
# As `source .venv/bin/activate` does: nbgrader starts alembic by its name.
RUN = @PATH="$(CURDIR)/.venv/bin:$$PATH" VIRTUAL_ENV="$(CURDIR)/.venv" .venv/bin/python

.PHONY: help lab test test-all check-exercises messages build sync grade demo release site bench vectors clean

help: ## list these commands
	@echo 'make COMMAND, where COMMAND is one of:'
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' Makefile | while IFS='	' read -r name what; do \
		printf '  %-15s %s\n' "$$name" "$$what"; done
	@echo 'ARGS="..." is passed on to a command; PYTHON=python3.12 chooses the Python of a new .venv.'

lab: ## open the lessons in JupyterLab (PORT=8899; ARGS="--take 01_logistic_regression")
	$(ENVIRONMENT)
	$(RUN) tools/open_lab.py $(if $(PORT),--port '$(PORT)') $(ARGS)

test: ## run every test
	$(ENVIRONMENT)
	$(RUN) tools/run_tests.py $(ARGS)

test-all: ## run every test with all its cases, for about an hour
	$(ENVIRONMENT)
	$(RUN) tools/run_tests.py --all $(ARGS)

check-exercises: ## test the tests: solutions that are changed a little have to lose points
	$(ENVIRONMENT)
	$(RUN) tools/check_exercises.py $(ARGS)

messages: ## collect what students read when an answer is wrong, in build/messages.md
	$(ENVIRONMENT)
	$(RUN) tools/list_messages.py $(ARGS)

build: ## make notebooks/, solutions/ and images/ from source/ (ARGS="--check" only compares)
	$(ENVIRONMENT)
	$(RUN) tools/build_course.py $(ARGS)

sync: ## take edits made in JupyterLab to a notebook in source/ back into its script
	$(ENVIRONMENT)
	$(RUN) tools/build_course.py --sync $(ARGS)

grade: ## grade what lies in submitted/ into feedback/ and grades.csv
	$(ENVIRONMENT)
	$(RUN) -m autograder grade $(ARGS)

demo: ## grade a made-up class and print its marks
	$(ENVIRONMENT)
	$(RUN) tools/make_demo.py $(ARGS)

release: ## write the students' zip into dist/
	$(ENVIRONMENT)
	$(RUN) tools/make_release.py $(ARGS)

site: ## write the course as pages to read, in build/site (ARGS=students for one of students and solutions)
	$(ENVIRONMENT)
	$(RUN) tools/make_site.py $(ARGS)

bench: ## run the side-by-side measurements in benchmarks/ (ARGS=animation for one)
	$(ENVIRONMENT)
	$(RUN) tools/run_benchmarks.py $(ARGS)

vectors: ## train the word vectors that come with the course anew (data/README.md says how long)
	$(ENVIRONMENT)
	$(RUN) tools/train_vectors.py $(ARGS)

clean: ## remove caches and what can be built again; never work/, submitted/, the gradebook or .venv
	@rm -rf build dist .pytest_cache .ruff_cache *.egg-info .coverage*
	@find . -path ./.venv -prune -o -path ./work -prune -o -path ./submitted -prune -o -type d \
		\( -name __pycache__ -o -name .ipynb_checkpoints \) -print | while read -r folder; do rm -rf "$$folder"; done
	@echo 'Removed build/, dist/ and caches. Kept: work/, submitted/, autograded/, feedback/, the gradebook and .venv.'
