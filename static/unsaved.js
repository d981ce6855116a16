// Text that was written and is not saved: what the browser puts back after Back keeps the mark of what it was made from.
"use strict";

(() => {
  const form = document.getElementById("script-form");
  const parts = () => [...form.elements].filter((field) => field.name && field.type !== "hidden" && form.contains(field));
  const chosen = ({options}) => ([...options].find((option) => option.defaultSelected) || options[0]).value;
  const now = (field) => (field.type === "checkbox" ? field.checked : field.value);
  const then = (field) => (field.type === "checkbox" ? field.defaultChecked : field.options ? chosen(field) : field.defaultValue);
  // Values may be put back before this runs, or after: the page itself tells what the server has sent.
  const sent = JSON.stringify(parts().map(then));
  const changed = () => JSON.stringify(parts().map(now)) !== sent;

  window.addEventListener("pageshow", () => {
    const {mark} = form.elements;
    // Somebody else may have saved meanwhile: a fresh mark would let text that came back overwrite that.
    if (history.state?.mark !== undefined && changed()) mark.value = history.state.mark;
    history.replaceState({...history.state, mark: mark.value}, "");
  });
})();
