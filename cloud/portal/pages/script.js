// Every page works without this. It saves reloads and keystrokes, and never holds a rule.
"use strict";
(() => {
  const say = (text) => {
    let place = document.getElementById("spoken");
    if (!place) {
      place = document.createElement("p");
      place.id = "spoken";
      place.className = "soft";
      place.setAttribute("role", "status");
      document.getElementById("main").append(place);
    }
    place.textContent = text;
  };

  // A form is sent once: its button waits, and says so.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.sure && !window.confirm(form.dataset.sure)) {
      event.preventDefault();
      return;
    }
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "1";
    const button = event.submitter || form.querySelector("button[type=submit]");
    if (button && form.method === "post") {
      setTimeout(() => {
        button.disabled = true;
        button.classList.add("busy");
        button.setAttribute("aria-busy", "true");
      });
    }
  });
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) {
      delete form.dataset.sent;
      for (const button of form.querySelectorAll("button[disabled]")) {
        button.disabled = false;
        button.classList.remove("busy");
        button.removeAttribute("aria-busy");
      }
    }
  });

  // <form data-live="/path" data-into="id">: what is typed is asked about, the answer put in place.
  for (const form of document.querySelectorAll("form[data-live]")) {
    let waiting = 0;
    let asked = 0;
    form.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(async () => {
        const mine = ++asked;
        const fields = new URLSearchParams();
        for (const [name, value] of new FormData(form)) {
          if (typeof value === "string") fields.append(name, value);
        }
        try {
          const answer = await fetch(form.dataset.live, { method: "POST", body: fields });
          if (!answer.ok || mine !== asked) return;
          document.getElementById(form.dataset.into).innerHTML = await answer.text();
        } catch {
          // Out of reach: the button still tells.
        }
      }, 400);
    });
  }

  // <form data-part="/path" data-into="id">, <div data-load="/path">: a piece that comes by itself.
  for (const place of document.querySelectorAll("[data-load]")) {
    const every = Number(place.dataset.every || 0);
    const load = async () => {
      try {
        const answer = await fetch(place.dataset.load);
        if (answer.ok) place.innerHTML = await answer.text();
        if (every && place.querySelector("[data-again]")) setTimeout(load, every);
      } catch {
        if (every) setTimeout(load, every);
      }
    };
    if (every) setTimeout(load, every);
    else load();
  }

  // <template data-row="list">, <button data-add="list">: one more line in a form.
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-add]");
    if (!button) return;
    const list = document.getElementById(button.dataset.add);
    const row = document.querySelector(`template[data-row="${button.dataset.add}"]`);
    const next = String(list.children.length);
    const made = row.content.cloneNode(true);
    for (const one of made.querySelectorAll("[id],[name],[for],[aria-describedby]")) {
      for (const name of ["id", "name", "for", "aria-describedby"]) {
        if (one.hasAttribute(name)) one.setAttribute(name, one.getAttribute(name).replaceAll("#", next));
      }
    }
    list.append(made);
    list.lastElementChild.querySelector("input,select,textarea")?.focus();
  });

  // Keys: / search, j and k rows, Enter opens, ? tells.
  const rows = () => [...document.querySelectorAll("table.list tbody tr")];
  const move = (by) => {
    const all = rows();
    if (!all.length) return;
    const now = all.findIndex((row) => row.classList.contains("at"));
    const next = Math.max(0, Math.min(all.length - 1, now < 0 ? 0 : now + by));
    all[now]?.classList.remove("at");
    all[next].classList.add("at");
    all[next].scrollIntoView({ block: "nearest" });
    all[next].querySelector("a")?.focus({ preventScroll: true });
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.matches("input,select,textarea")) return;
    if (event.key === "j") move(1);
    else if (event.key === "k") move(-1);
    else if (event.key === "/") {
      const search = document.querySelector("input[type=search]");
      if (!search) return;
      event.preventDefault();
      search.focus();
    } else if (event.key === "?") say("Keys: j and k go through the rows, Enter opens one, / searches.");
  });

  // The menu on a phone shuts when the page is looked at.
  const menu = document.querySelector("details.menu");
  document.getElementById("main")?.addEventListener("click", () => menu?.removeAttribute("open"));
})();
