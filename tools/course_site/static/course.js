/* Let the keyboard reach every box that scrolls sideways. */
"use strict";

function reachWhatScrolls() {
  for (const box of document.querySelectorAll("pre, .scrolls, .table-wrapper, .output.text_html")) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }
}

addEventListener("load", reachWhatScrolls);
addEventListener("resize", reachWhatScrolls);
