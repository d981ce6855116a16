// A refresh waits while a button is held down: swapped in between press and release, it would swallow the click.
"use strict";

(() => {
  let down = false;
  let waiting = false;

  document.addEventListener("pointerdown", () => (down = true), {capture: true});
  for (const end of ["pointerup", "pointercancel", "dragend", "blur"]) {
    window.addEventListener(end, () => {
      down = false;
      if (!waiting) return;
      waiting = false;
      // The click comes after the release, and goes first.
      setTimeout(() => document.body.dispatchEvent(new CustomEvent("queue-changed")), 100);
    });
  }
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (!down || event.detail.requestConfig?.triggeringEvent?.type !== "queue-changed") return;
    event.detail.shouldSwap = false;
    waiting = true;
  });
})();
