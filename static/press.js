// A press goes first. A refresh that was asked for before the answer to a press shows what is no longer so, and one
// that is drawn between press and release swallows the click: neither is drawn, and the part is asked for anew.
// Presses share no queue of htmx with refreshes: it keeps the last request only, and would drop the press.
"use strict";

(() => {
  const asked = new WeakMap();
  let down = false;
  let unanswered = 0;
  let answered = 0;
  let waiting = false;

  const busy = () => down || unanswered > 0;

  function catchUp() {
    if (busy() || !waiting) return;
    waiting = false;
    document.body.dispatchEvent(new CustomEvent("queue-changed"));
  }

  function askAnew() {
    waiting = true;
    setTimeout(catchUp);
  }

  function hold() {
    down = true;
  }

  function release() {
    down = false;
    // The click comes after the release, and goes first.
    setTimeout(catchUp, 100);
  }

  document.addEventListener("pointerdown", hold, {capture: true});
  for (const end of ["pointerup", "pointercancel", "dragend", "blur"]) window.addEventListener(end, release);
  // The space bar presses a button when it is let go.
  document.addEventListener("keydown", (event) => event.key === " " && hold(), {capture: true});
  document.addEventListener("keyup", (event) => event.key === " " && release(), {capture: true});

  document.addEventListener("htmx:beforeSend", ({detail: {elt, xhr}}) => {
    if (elt.matches(".live-part")) {
      asked.set(xhr, answered);
      // An answer to a press has taken the place of the part: what was said to it meanwhile is not lost with it.
      xhr.addEventListener("loadend", () => {
        if (asked.has(xhr) && !elt.isConnected) askAnew();
      });
      return;
    }
    unanswered += 1;
    xhr.addEventListener("loadend", () => {
      unanswered -= 1;
      answered += 1;
      setTimeout(catchUp);
    });
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    const {xhr} = event.detail;
    if (!asked.has(xhr)) return;
    if (!busy() && asked.get(xhr) === answered) {
      asked.delete(xhr);
      return;
    }
    event.detail.shouldSwap = false;
    askAnew();
  });
})();
