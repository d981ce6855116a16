// A press goes first. A refresh that was asked for before the answer to a press shows what is no longer so, and one
// that is drawn between press and release swallows the click: neither is drawn, and the part is asked for anew.
// Presses share no queue of htmx with refreshes: it keeps the last request only, and would drop the press.
"use strict";

(() => {
  const asked = new WeakMap();
  const behind = new Set();
  const refreshing = new Map();
  let pointed = false;
  let spaced = false;
  let unanswered = 0;
  let answered = 0;

  const busy = () => pointed || spaced || unanswered > 0;

  function catchUp() {
    if (busy()) return;
    const current = [...refreshing.values()];
    // One that is being asked for already comes when its answer is here: what waits behind it may go with its element.
    for (const id of [...behind].filter((id) => !current.includes(id))) {
      behind.delete(id);
      document.getElementById(id)?.dispatchEvent(new CustomEvent("ask-again"));
    }
  }

  function askAnew(part) {
    behind.add(part.id);
    setTimeout(catchUp);
  }

  function release() {
    pointed = spaced = false;
    // The click comes after the release, and goes first.
    setTimeout(catchUp, 100);
  }

  // Another button opens a menu of the browser's, which may keep its release to itself.
  document.addEventListener("pointerdown", (event) => (pointed = event.button === 0), {capture: true});
  document.addEventListener("pointermove", (event) => pointed && !event.buttons && release(), {passive: true});
  for (const end of ["pointerup", "pointercancel", "dragend", "blur"]) window.addEventListener(end, release);
  // The space bar presses a button when it is let go.
  document.addEventListener("keydown", (event) => event.key === " " && (spaced = true), {capture: true});
  document.addEventListener("keyup", (event) => event.key === " " && release(), {capture: true});

  document.addEventListener("htmx:beforeSend", ({detail: {elt, xhr}}) => {
    if (elt.matches(".live-part")) {
      asked.set(xhr, answered);
      refreshing.set(xhr, elt.id);
      xhr.addEventListener("loadend", () => {
        refreshing.delete(xhr);
        // An answer to a press has taken the place of the part: what was said to it meanwhile is not lost with it.
        if (asked.has(xhr) && !elt.isConnected) behind.add(elt.id);
        setTimeout(catchUp);
      });
      return;
    }
    // Of two at once either may be drawn over the other.
    if (unanswered) for (const part of document.querySelectorAll(".live-part")) behind.add(part.id);
    unanswered += 1;
    xhr.addEventListener("loadend", () => {
      unanswered -= 1;
      answered += 1;
      setTimeout(catchUp);
    });
  });
  // htmx keeps what is said during a refresh with the element that the answer replaces, and forgets it with that.
  document.body.addEventListener("queue-changed", () => {
    for (const id of refreshing.values()) {
      const part = document.getElementById(id);
      if (part?.matches("[hx-swap=outerHTML]:not([hx-trigger*=throttle])")) behind.add(id);
    }
  });
  document.addEventListener("htmx:beforeOnLoad", ({detail}) => {
    // The answer to another press has put a new part in the place of the one that was meant.
    if (!detail.target.isConnected) detail.target = document.getElementById(detail.target.id) || detail.target;
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    const {requestConfig, xhr} = event.detail;
    if (!asked.has(xhr)) return;
    if (!busy() && asked.get(xhr) === answered) {
      asked.delete(xhr);
      return;
    }
    event.detail.shouldSwap = false;
    xhr.notDrawn = true;
    askAnew(requestConfig.elt);
  });
})();
