// Keeps a page fresh: parts marked data-fresh are fetched again, and the log is followed.
"use strict";
(() => {
  const stale = document.getElementById("stale");
  const follow = document.getElementById("follow");
  const MOST_ROWS = 500;

  async function ask(address) {
    const answer = await fetch(address, { cache: "no-store", signal: AbortSignal.timeout(8000) });
    if (!answer.ok) throw new Error(String(answer.status));
    return answer;
  }

  async function refresh() {
    const answer = await ask(location.pathname + location.search);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of document.querySelectorAll("[data-fresh]")) {
      const fresh = page.getElementById(part.id);
      const isInUse = part.contains(document.activeElement) && part !== document.activeElement;
      if (!fresh || isInUse || !getSelection().isCollapsed || fresh.isEqualNode(part)) continue;
      const places = [...part.querySelectorAll(".scroll")].map((box) => box.scrollLeft);
      part.innerHTML = fresh.innerHTML;
      part.querySelectorAll(".scroll").forEach((box, n) => { box.scrollLeft = places[n] || 0; });
    }
    return page.querySelector(".tag.busy") !== null;
  }

  function cell(text, kind) {
    const made = document.createElement("td");
    made.className = kind;
    made.textContent = text;
    return made;
  }

  function level(name) {
    const made = cell("", "nowrap");
    const tag = document.createElement("span");
    const isAlarm = name === "ERROR" || name === "CRITICAL";
    tag.className = isAlarm ? "tag alarm" : name === "WARNING" ? "tag warn" : "dim";
    tag.textContent = (isAlarm ? "▲ " : name === "WARNING" ? "◆ " : "") + name.toLowerCase();
    made.append(tag);
    return made;
  }

  async function followLog() {
    const answer = await ask(follow.dataset.from + "&after=" + follow.dataset.cursor);
    follow.dataset.cursor = answer.headers.get("x-sunreeve-cursor");
    const rows = document.getElementById("log");
    const isAtEnd = innerHeight + scrollY >= document.body.scrollHeight - 80;
    for (const line of (await answer.text()).split("\n").filter(Boolean).map(JSON.parse)) {
      const row = document.createElement("tr");
      const said = cell(line.message + " ", "said");
      const more = document.createElement("code");
      more.className = "dim";
      more.textContent = line.more;
      said.append(more);
      row.append(cell(line.at.slice(0, 19).replace("T", " "), "num nowrap"), level(line.level),
        cell(line.function, ""), said);
      rows.append(row);
      document.getElementById("nothing")?.remove();
    }
    while (rows.children.length > MOST_ROWS) rows.firstElementChild.remove();
    if (isAtEnd) scrollTo(0, document.body.scrollHeight);
  }

  async function again() {
    let isBusy = false;
    if (!document.hidden) {
      try {
        isBusy = await refresh();
        if (follow && follow.checked) await followLog();
        stale.hidden = true;
      } catch {
        stale.hidden = false;
      }
    }
    setTimeout(again, isBusy ? 500 : 2000);
  }

  if (follow) follow.parentElement.hidden = false;
  setTimeout(again, 1000);
})();
