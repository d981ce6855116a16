// Keeps times fresh, shows whether the page is live, and passes the socket's ticks on to htmx.
"use strict";

(() => {
  const UNITS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  const STALE_AFTER = 45000;
  const RETRIED = [1006, 1011, 1012, 1013, 4401];
  const LIVE = "[hx-trigger*='queue-changed']";
  const ZONED = new Intl.DateTimeFormat(undefined, {dateStyle: "medium", timeStyle: "long"});
  const two = (number) => String(number).padStart(2, "0");

  function span(seconds) {
    seconds = Math.max(seconds, 0);
    const [size, unit] = UNITS.find(([least]) => seconds >= least) || UNITS[3];
    return `${Math.floor(seconds / size)} ${unit}`;
  }

  function clock(at) {
    const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
    return `${day} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  }

  const WORDS = {
    ago: (past) => (past >= 1 ? `${span(past)} ago` : "just now"),
    age: (past) => span(past),
    countdown: (past) => (past <= -1 ? `in ${span(-past)}` : "now"),
    clock: (_, at) => clock(at),
    moment: (_, at) => clock(at).slice(at.toDateString() === new Date().toDateString() ? 11 : 0, 16),
  };

  function freshen() {
    for (const time of document.querySelectorAll("time[data-as]")) {
      const at = new Date(time.dateTime);
      const words = WORDS[time.dataset.as]((Date.now() - at) / 1000, at);
      if (time.textContent !== words) time.textContent = words;
      if (!time.dataset.zoned) {
        time.title = ZONED.format(at);
        time.dataset.zoned = "1";
      }
    }
  }

  let connected = false;
  let updated = Date.now();

  function tellLive() {
    const live = document.getElementById("live");
    if (!live) return;
    // A page that shows nothing live cannot be stale.
    const old = document.querySelector(LIVE) && Date.now() - updated > STALE_AFTER;
    const state = old ? "stale" : connected ? "live" : "slow";
    const words = {
      live: "live",
      slow: "not connected, looking every 30 s",
      // No age: what changes each second would be read out each second.
      stale: `stale, updated at ${WORDS.moment(0, new Date(updated))}`,
    }[state];
    if (live.dataset.live !== state) live.dataset.live = state;
    const place = live.querySelector("[data-live-words]");
    if (place.textContent !== words) place.textContent = words;
  }

  // A hidden page does not fetch; it catches up when somebody looks at it again.
  let missed = false;

  function changed() {
    if (document.hidden) {
      missed = true;
      return;
    }
    missed = false;
    document.body.dispatchEvent(new CustomEvent("queue-changed"));
  }

  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && missed) changed();
  });
  document.addEventListener("htmx:wsOpen", () => {
    connected = true;
    // Whatever happened while the socket was away has not been told.
    changed();
    tellLive();
  });
  document.addEventListener("htmx:wsClose", (event) => {
    connected = false;
    tellLive();
    // The extension tries again after its own codes only; a server that ends in good order sends another.
    const {event: closed, socketWrapper} = event.detail;
    if (!RETRIED.includes(closed.code)) setTimeout(socketWrapper.reconnect, 1000 + 3000 * Math.random());
  });
  document.addEventListener("htmx:wsBeforeMessage", (event) => {
    // The message says that something changed, not what: nothing of it is drawn.
    event.preventDefault();
    changed();
  });

  document.addEventListener("htmx:afterRequest", (event) => {
    // What press.js has held back was not drawn.
    if (event.detail.successful && !event.detail.xhr.notDrawn) updated = Date.now();
    tellLive();
  });
  document.addEventListener("htmx:configRequest", (event) => {
    // An empty filter does not belong into the address.
    const sent = event.detail.parameters;
    if (event.detail.verb === "get") {
      for (const name of Object.keys(sent)) if (sent[name] === "") delete sent[name];
    }
  });

  // A menu that has no room for all shows where somebody is; once, for then it is theirs to scroll.
  function showCurrent() {
    for (const entry of document.querySelectorAll("nav [aria-current]")) {
      const menu = entry.closest("nav");
      if (menu.dataset.shown) continue;
      menu.dataset.shown = "1";
      const [place, room] = [entry, menu].map((part) => part.getBoundingClientRect());
      menu.scrollLeft += place.left + place.width / 2 - room.left - room.width / 2;
    }
  }

  // What a person has opened stays open when the part around it is drawn again.
  let opened = [];
  document.addEventListener("htmx:beforeSwap", () => {
    opened = [...document.querySelectorAll("main details[id][open]")].map((details) => details.id);
  });
  document.addEventListener("htmx:afterSwap", () => {
    for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
    freshen();
    showCurrent();
  });

  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(event.target)) menu.removeAttribute("open");
    }
  });

  freshen();
  tellLive();
  showCurrent();
  setInterval(() => {
    freshen();
    tellLive();
  }, 1000);
})();
