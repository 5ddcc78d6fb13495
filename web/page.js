// Keeps the status page fresh in place: asks for it again and puts in the sections that changed.
// What the reader does is left alone: open details, focus, scroll position and selected text.
"use strict";

const refreshMs = 3000;
const answerWithinMs = 2000;
const stale = document.getElementById("stale");
let lastAnswer = Date.now();
let timer = 0;

function keepDetails(before, after) {
  for (const details of after.querySelectorAll("details[id]")) {
    const old = before.querySelector(`#${CSS.escape(details.id)}`);
    // What opens by itself because of a new state may do so; else the reader's choice stays.
    if (old && old.dataset.state === details.dataset.state) details.open = old.open;
  }
}

function selects(element) {
  const selection = document.getSelection();
  return selection && !selection.isCollapsed && selection.containsNode(element, true);
}

// A log shows its newest line, the last one, until the reader scrolls back.
function atEnd(pre) {
  return pre.scrollTop + pre.clientHeight >= pre.scrollHeight - 4;
}

function replaceBlock(before, after) {
  keepDetails(before, after);
  if (before.isEqualNode(after) || selects(before)) return;
  const focused = before.contains(document.activeElement) ? document.activeElement.id : "";
  const read = [...before.querySelectorAll("details[open] pre")]
    .filter((pre) => !atEnd(pre))
    .map((pre) => [pre.id, pre.scrollTop]);
  before.replaceWith(after);
  for (const pre of after.querySelectorAll("pre")) pre.scrollTop = pre.scrollHeight;
  for (const [id, top] of read) {
    const pre = document.getElementById(id);
    if (pre) pre.scrollTop = top;
  }
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
}

function prepare(root) {
  for (const button of root.querySelectorAll("button[data-copy]")) button.hidden = false;
}

function show(next) {
  prepare(next);
  document.title = next.title;
  document.documentElement.dataset.level = next.documentElement.dataset.level;
  const icon = next.getElementById("icon").getAttribute("href");
  if (document.getElementById("icon").getAttribute("href") !== icon) {
    document.getElementById("icon").setAttribute("href", icon);
  }
  for (const id of ["versions", "read-at"]) {
    document.getElementById(id).replaceWith(next.getElementById(id));
  }
  const main = document.getElementById("main");
  const blocks = [...next.getElementById("main").querySelectorAll("[data-block]")];
  const same =
    blocks.map((block) => block.id).join() ===
    [...main.querySelectorAll("[data-block]")].map((block) => block.id).join();
  if (same) {
    for (const block of blocks) replaceBlock(document.getElementById(block.id), block);
  } else {
    replaceBlock(main, next.getElementById("main"));
  }
}

function tellStale() {
  const seconds = Math.round((Date.now() - lastAnswer) / 1000);
  stale.textContent = `kubase has not answered for ${seconds} s. What you see below is from then.`;
  stale.hidden = false;
}

async function refresh() {
  clearTimeout(timer);
  try {
    const answer = await fetch("/", {
      cache: "no-store",
      signal: AbortSignal.timeout(answerWithinMs),
    });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    const html = await answer.text();
    show(new DOMParser().parseFromString(html, "text/html"));
    lastAnswer = Date.now();
    stale.hidden = true;
  } catch {
    tellStale();
  }
  // A page that nobody sees asks for nothing; visibilitychange starts it again.
  if (!document.hidden) timer = setTimeout(refresh, refreshMs);
}

async function copy(button) {
  const text = document.getElementById(button.dataset.copy).textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    document.getSelection().selectAllChildren(document.getElementById(button.dataset.copy));
    button.textContent = "Press Ctrl+C";
  }
  setTimeout(() => {
    button.textContent = "Copy";
  }, 2000);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-copy]");
  if (button) copy(button);
});
// Toggle events do not bubble, hence the capture.
document.addEventListener(
  "toggle",
  (event) => {
    if (!event.target.open) return;
    for (const pre of event.target.querySelectorAll("pre")) pre.scrollTop = pre.scrollHeight;
  },
  true,
);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) refresh();
});

prepare(document);
for (const pre of document.querySelectorAll("pre")) pre.scrollTop = pre.scrollHeight;
document.getElementById("refresh").textContent = "It is kept up to date.";
timer = setTimeout(refresh, refreshMs);
document.documentElement.dataset.ready = "true";
