// Says so when what somebody pressed was refused, or could not be asked at all.
"use strict";

(() => {
  function complain(textContent) {
    const words = Object.assign(document.createElement("p"), {className: "message error", textContent});
    document.getElementById("messages").replaceChildren(words);
  }

  document.addEventListener("htmx:responseError", (event) => {
    const status = event.detail.xhr.status;
    complain(status === 403 ? "You may not do that." : `The server answered ${status}; nothing was changed.`);
  });
  document.addEventListener("htmx:sendError", (event) => {
    // A refresh that fails is told by the page's sign; a press must not go unanswered.
    if (event.detail.requestConfig.verb === "get") return;
    complain("The server cannot be reached. Look again once this page is live: it may have been done.");
  });
})();
