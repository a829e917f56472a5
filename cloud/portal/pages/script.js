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
  // A field with data-quiet is not sent along.
  for (const form of document.querySelectorAll("form[data-live]")) {
    let waiting = 0;
    let asked = 0;
    form.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(async () => {
        const mine = ++asked;
        const fields = new URLSearchParams();
        for (const [name, value] of new FormData(form)) {
          const isQuiet = form.elements[name]?.dataset?.quiet !== undefined;
          if (typeof value === "string" && !isQuiet) fields.append(name, value);
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

  // <form data-store="/path" data-look="/path" data-shown="id">: files that are chosen go straight to
  // the store, one after the other; what does not get there stays chosen and goes with the form.
  for (const form of document.querySelectorAll("form[data-store]")) {
    const told = document.getElementById("sending");
    const asked = async (path, fields) => {
      const answer = await fetch(path, { method: "POST", body: fields });
      if (!answer.ok) throw new Error(answer.statusText);
      return answer.text();
    };
    const look = async () => {
      const fields = new URLSearchParams();
      for (const [name, value] of new FormData(form)) {
        if (typeof value === "string") fields.append(name, value);
      }
      const place = document.getElementById(form.dataset.shown);
      place.innerHTML = await asked(form.dataset.look, fields);
      form.dispatchEvent(new Event("input"));
      if (place.querySelector("[data-again]")) setTimeout(() => look().catch(() => {}), 4000);
    };
    const sent = async (input, file) => {
      const digest = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
      const fields = new URLSearchParams({
        form_token: form.elements.form_token.value,
        purpose: input.dataset.purpose,
        name: file.name,
        content_type: file.type,
        size: file.size,
        sha256: [...new Uint8Array(digest)].map((one) => one.toString(16).padStart(2, "0")).join(""),
      });
      const answer = new DOMParser().parseFromString(await asked(form.dataset.store, fields), "text/html");
      const made = answer.querySelector("form");
      if (!made) return answer.body.textContent.trim();
      const body = new FormData(made);
      body.append("file", file);
      await fetch(made.action, { method: "POST", body, mode: "no-cors" });
      return "";
    };
    if (form.querySelector("[data-again]")) setTimeout(() => look().catch(() => {}), 4000);
    form.addEventListener("change", async (event) => {
      const input = event.target;
      if (!input.dataset.purpose || !window.crypto?.subtle) return;
      const files = [...input.files];
      const left = new DataTransfer();
      const bar = document.createElement("progress");
      const words = document.createElement("span");
      bar.max = files.length;
      told.replaceChildren(bar, words);
      const refused = [];
      for (const [place, file] of files.entries()) {
        bar.value = place;
        words.textContent = `Sending ${file.name}, ${place + 1} of ${files.length}`;
        try {
          const because = await sent(input, file);
          if (because) refused.push(`${file.name}: ${because}`);
        } catch {
          left.items.add(file);
        }
      }
      input.files = left.files;
      const many = files.length - left.files.length - refused.length;
      told.textContent = [`${many} of ${files.length} sent.`, ...refused].join(" ");
      if (left.files.length) told.textContent += " What is still chosen goes with the form.";
      look().catch(() => {});
    });
  }

  // <template data-row="list">, <button data-add="list">: one more line in a form.
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-add]");
    if (!button) return;
    event.preventDefault(); // without script the button sends the form, which comes with one more
    const list = document.getElementById(button.dataset.add);
    const row = document.querySelector(`template[data-row="${button.dataset.add}"]`);
    const next = String(list.children.length);
    if (button.dataset.most && list.children.length >= Number(button.dataset.most)) {
      say(`There are at most ${button.dataset.most} of them.`);
      return;
    }
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
