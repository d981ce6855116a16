// Says so when what somebody pressed was refused, or could not be asked at all.
"use strict";

const NOT_REACHED = "The server cannot be reached.";

function complain(textContent) {
  const words = Object.assign(document.createElement("p"), {className: "message error", textContent});
  const messages = document.getElementById("messages");
  // Seen wherever on the page the person is.
  messages.classList.add("stay");
  messages.replaceChildren(words);
}

function complainOf(status) {
  const words = {
    401: "Your session has ended, so nothing was done. Log in in another window, then do it again here: this page stays as it is.",
    403: "You may not do that.",
    404: "It is no longer here, and nothing was changed: images go when their retention ends, nodes when somebody removes them. This page shows what was.",
  };
  // What broke may have been done up to there.
  const left = status < 500 ? "; nothing was changed." : ". Look again once this page is live: it may have been done, or a part of it.";
  complain(words[status] || `The server answered ${status}${left}`);
}

document.addEventListener("htmx:responseError", (event) => complainOf(event.detail.xhr.status));
document.addEventListener("htmx:sendError", (event) => {
  // A refresh that fails is told by the page's sign; a press must not go unanswered.
  if (event.detail.requestConfig.verb === "get") return;
  complain(`${NOT_REACHED} Look again once this page is live: it may have been done.`);
});
document.addEventListener("htmx:afterRequest", (event) => {
  const {successful, requestConfig} = event.detail;
  if (successful && requestConfig.verb !== "get") document.querySelector("#messages.stay")?.replaceChildren();
});

if (sessionStorage.getItem("not-done")) {
  sessionStorage.removeItem("not-done");
  complain("Your session had ended, so nothing was done. Log in, then do it again.");
}
