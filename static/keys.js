// Keys that every page knows: the list of keys, the way to another page, and the rows of its list.
"use strict";

(() => {
  const WAITS = 1500;
  const find = (selector) => document.querySelector(selector);
  let began = 0;

  function walk(step) {
    // The queue and the page of an item have a walk of their own.
    if (find("#queue") || find(".near")) return;
    const links = [...document.querySelectorAll("main tbody tr")].map((row) => row.querySelector("a")).filter(Boolean);
    if (!links.length) return;
    const here = links.findIndex((link) => link.closest("tr").contains(document.activeElement));
    links[here < 0 ? 0 : Math.min(Math.max(here + step, 0), links.length - 1)].focus();
  }

  function search() {
    const field = find("input[type=search]");
    field?.focus();
    return Boolean(field);
  }

  const KEYS = {
    "/": search,
    "?": () => {
      find("#keys")?.showModal();
      return true;
    },
    g: () => { began = Date.now(); },
    j: () => walk(1),
    k: () => walk(-1),
    p: () => find("[data-tail]")?.click(),
    r: () => find("[data-key=r]")?.click(),
    f: () => find("[data-key=f]")?.click(),
  };

  document.addEventListener("keydown", (event) => {
    const typing = event.target.matches("input:not([type=checkbox]), select, textarea, [contenteditable=true]");
    if (typing || event.ctrlKey || event.metaKey || event.altKey || find("dialog[open]")) return;
    const going = Date.now() - began < WAITS && find(`header [data-go="${CSS.escape(event.key)}"]`);
    began = 0;
    if (going) {
      // Nobody else may take the second key of a pair for one of its own.
      event.stopImmediatePropagation();
      event.preventDefault();
      going.click();
      return;
    }
    // A key that a browser has a meaning of its own for is kept from it where it did something.
    if (KEYS[event.key]?.() === true) event.preventDefault();
  });

  document.addEventListener("keydown", ({key}) => {
    const menu = key === "Escape" && !find("dialog[open]") && find("details.menu[open]");
    if (!menu) return;
    menu.removeAttribute("open");
    menu.querySelector("summary").focus();
  });

  // A dialog gives the focus back to what had it, unless that was drawn anew behind it: then to what has its place.
  let left = () => null;
  document.addEventListener("focusin", ({target}) => {
    if (!target.closest("dialog")) left = placeOf(target);
  });
  document.addEventListener("close", ({target}) => {
    // Until the page is painted a field of the closed dialog still counts as focused.
    const lost = document.activeElement === document.body || target.contains(document.activeElement);
    if (lost) left()?.focus({preventScroll: true});
  }, {capture: true});

  document.addEventListener("click", (event) => {
    if (event.target.matches("[data-show-keys]")) find("#keys")?.showModal();
  });
})();
