// The focus stays where it was when its part of the page is drawn anew: on the same link, button or field, else on the
// row that this was in, else on the part, so that Tab goes on from there and not from the top of the page.
"use strict";

// A row can have the focus once that is said of it, and is drawn anew without.
function reachable(found, like) {
  if (found && (!like || like.tabIndex < 0)) found.tabIndex = -1;
  return found;
}

// Answers a function that finds again what has the place of the element.
const placeOf = (() => {
  const words = ({ariaLabel, textContent}) => (ariaLabel || textContent).trim().replace(/\s+/g, " ");
  const called = (element) => [element.tagName, element.name, element.value, words(element)].join("\n");

  function leads(element) {
    const where = element.getAttribute("href") || element.form?.getAttribute("action");
    // Words of a link tell numbers, which change.
    return where ? [element.tagName, where, element.name, element.value].join("\n") : called(element);
  }

  function rowsFrom(home) {
    const found = [];
    for (let row = home; row; row = row.nextElementSibling) found.push(row.id);
    return [...found, home.parentElement?.closest("[id]")?.id].filter(Boolean);
  }

  return (element) => {
    const {id, tagName} = element;
    const part = element.closest(".live-part");
    const home = element.parentElement?.closest("[id]");
    if (!part || !home) return () => reachable(document.getElementById(id), element);
    const equal = (inside, by, value) => [...inside.querySelectorAll(tagName)].filter((other) => by(other) === value);
    const marks = id ? [] : [leads, called].map((by) => [by, by(element), equal(home, by, by(element)).indexOf(element)]);
    const rows = [...rowsFrom(home), part.id];
    return () => {
      // After a deed on what is ticked its row has left the tab, and its button waits for the next tick.
      const itself = id && document.getElementById(id);
      if (itself && !itself.disabled) return reachable(itself, element);
      const again = document.getElementById(home.id);
      for (const [by, value, index] of again ? marks : []) {
        const same = equal(again, by, value);
        if (same.length) return same[index] || same[0];
      }
      // A row takes no press: whoever keeps Enter down does not do the next thing, too.
      return reachable(rows.map((each) => document.getElementById(each)).find(Boolean));
    };
  };
})();

(() => {
  let place = null;
  let pressed = {};
  const lost = () => document.activeElement === document.body;

  document.addEventListener("htmx:beforeSwap", ({detail: {target}}) => {
    const had = document.activeElement;
    place = target.contains(had) ? placeOf(had) : null;
  });
  document.addEventListener("htmx:afterSwap", () => {
    if (place && lost()) place()?.focus({preventScroll: true});
    place = null;
  });
  // A button that is out of use while it is answered has lost the focus, too.  A refresh around it is no answer to it.
  document.addEventListener("htmx:beforeRequest", ({detail: {elt}}) => {
    const button = document.activeElement;
    if (elt.contains(button) && !elt.matches(".live-part")) pressed = {elt, button};
  });
  document.addEventListener("htmx:afterRequest", ({detail: {requestConfig, target}}) => {
    // The event comes from what is still there, where the answer has taken the form away.
    if (pressed.elt !== requestConfig.elt) return;
    if (lost()) pressed.button.focus({preventScroll: true});
    // One that its answer has taken away leaves the focus on what the answer has drawn.
    if (lost()) reachable(document.getElementById(target.id))?.focus({preventScroll: true});
    pressed = {};
  });
})();
