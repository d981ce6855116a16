// Text that was written and is not saved: it is not lost without a question, and after Back it keeps the mark of what it
// was made from.
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
    const {mark, new_key: key} = form.elements;
    // Somebody else may have saved meanwhile: a fresh mark would let text that came back overwrite that.
    if (history.state?.mark !== undefined && changed()) mark.value = history.state.mark;
    // It may be saved already: with a fresh key it would become a second entry.
    if (key && history.state?.key && changed()) key.value = history.state.key;
    history.replaceState({...history.state, mark: mark.value, key: key?.value}, "");
  });

  let leaving = false;
  window.addEventListener("beforeunload", (event) => {
    // One question for each way out: a download leaves the page as it is, and is the form's own, too.
    if (!leaving && ("unsaved" in form.dataset || changed())) event.preventDefault();
    leaving = false;
  });

  // Without session the answer would be the log-in, in the place of this page.
  async function admitted() {
    const {lint} = form.querySelector("textarea[data-editor]").dataset;
    const headers = {"X-CSRFToken": csrfToken()};
    const answer = await fetch(lint, {method: "POST", headers, redirect: "manual"}).catch(() => null);
    if (!answer) complain(`${NOT_REACHED} Nothing was saved; this page stays as it is.`);
    else if (!answer.ok) complainOf(answer.type === "opaqueredirect" ? 401 : answer.status);
    return answer?.ok;
  }

  let asking = false;
  let asked = false;
  form.addEventListener("submit", async (event) => {
    leaving = asked;
    if (asked) return;
    event.preventDefault();
    if (asking) return;
    asking = true;
    asked = await admitted();
    if (asked) form.requestSubmit(event.submitter);
    asking = asked = false;
  });
})();
