/* Let the keyboard reach every box that scrolls sideways, and name the side bars for screen readers. */
"use strict";

function reachWhatScrolls() {
  for (const box of document.querySelectorAll("pre, .scrolls, .table-wrapper, .output.text_html")) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }
}

addEventListener("load", reachWhatScrolls);
addEventListener("resize", reachWhatScrolls);
addEventListener("DOMContentLoaded", () => {
  document.querySelector(".sidebar-drawer")?.setAttribute("aria-label", "Chapters");
  document.querySelector(".toc-drawer")?.setAttribute("aria-label", "On this page");
});
