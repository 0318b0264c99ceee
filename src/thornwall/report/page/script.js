"use strict";
// Everything can be read without this script: it adds copy buttons, and cells of the matrix that open their findings.
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const cards = all("details.card");
  const cells = all(".matrix a[data-cell]");
  const findings = document.getElementById("findings");
  const chosen = document.querySelector(".chosen");
  const tools = document.querySelector(".tools");

  const button = (words, act) => {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = words;
    made.addEventListener("click", act);
    return made;
  };

  const showAll = () => {
    cards.forEach((card) => card.classList.remove("off"));
    cells.forEach((cell) => cell.classList.remove("on"));
    findings.classList.remove("filtered");
    chosen.replaceChildren();
  };

  const choose = (cell) => {
    let first = null;
    for (const card of cards) {
      const here = card.dataset.cell === cell.dataset.cell;
      card.classList.toggle("off", !here);
      card.open = here;
      if (here && !first) first = card;
    }
    cells.forEach((other) => other.classList.toggle("on", other === cell));
    chosen.replaceChildren(cell.getAttribute("aria-label"), button("Show all findings", showAll));
    findings.classList.add("filtered");
    findings.scrollIntoView();
    if (first) first.querySelector("summary").focus({ preventScroll: true });
  };

  for (const cell of cells) {
    cell.addEventListener("click", (event) => {
      event.preventDefault();
      choose(cell);
    });
  }

  const openTarget = () => {
    const target = document.getElementById(location.hash.slice(1));
    if (target && target.matches("details.card")) {
      if (target.classList.contains("off")) showAll();
      target.open = true;
      target.scrollIntoView({ block: "start" });
    }
  };
  window.addEventListener("hashchange", openTarget);
  openTarget();

  if (tools) {
    tools.append(
      button("Open all", () => cards.forEach((card) => { card.open = true; })),
      button("Close all", () => cards.forEach((card) => { card.open = false; })),
    );
    tools.hidden = false;
  }

  for (const box of all(".command")) {
    const code = box.querySelector("code");
    const copy = button("Copy", async () => {
      try {
        await navigator.clipboard.writeText(code.textContent);
        copy.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(code);
        copy.textContent = "Selected";
      }
      setTimeout(() => { copy.textContent = "Copy"; }, 2000);
    });
    copy.setAttribute("aria-label", "Copy the commands");
    box.append(copy);
  }

  window.addEventListener("beforeprint", () => all("details").forEach((fold) => { fold.open = true; }));
})();
