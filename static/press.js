// A press goes first. A refresh that was asked for before the answer to a press shows what is no longer so, and one
// that is drawn between press and release swallows the click: neither is drawn, and the part is asked for anew.
// Presses share no queue of htmx with refreshes: it keeps the last request only, and would drop the press.
"use strict";

(() => {
  const refreshes = new Map();
  const behind = new Set();
  let pointed = false;
  let spaced = false;
  let unanswered = 0;
  let answered = 0;

  const busy = () => pointed || spaced || unanswered > 0;

  function catchUp() {
    if (busy()) return;
    const current = [...refreshes.values()].map(({id}) => id);
    // One that is being asked for already comes when its answer is here: what waits behind it may go with its element.
    for (const id of [...behind].filter((id) => !current.includes(id))) {
      behind.delete(id);
      document.getElementById(id)?.dispatchEvent(new CustomEvent("ask-again"));
    }
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
      const refresh = {id: elt.id, since: answered, drawn: false};
      refreshes.set(xhr, refresh);
      xhr.addEventListener("loadend", () => {
        refreshes.delete(xhr);
        // An answer to a press has taken the place of the part: what was said to it meanwhile is not lost with it.
        if (!refresh.drawn && !elt.isConnected) behind.add(refresh.id);
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
    for (const {id} of refreshes.values()) {
      const part = document.getElementById(id);
      if (part?.matches("[hx-swap=outerHTML]:not([hx-trigger*=throttle])")) behind.add(id);
    }
  });
  document.addEventListener("htmx:beforeOnLoad", ({detail}) => {
    // The answer to another press has put a new part in the place of the one that was meant.
    if (!detail.target.isConnected) detail.target = document.getElementById(detail.target.id) || detail.target;
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    const {xhr} = event.detail;
    const refresh = refreshes.get(xhr);
    if (!refresh) return;
    refresh.drawn = !busy() && refresh.since === answered;
    if (refresh.drawn) return;
    event.detail.shouldSwap = false;
    xhr.notDrawn = true;
    behind.add(refresh.id);
  });
})();
