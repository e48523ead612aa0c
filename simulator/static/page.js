// Redraws the page once a second when something changed; keeps scroll places and opened lists.
"use strict";
let shown = "";
const atEnd = (box) => box && box.scrollHeight - box.scrollTop - box.clientHeight < 40;

function show(html) {
  const app = document.getElementById("app");
  const posts = app.querySelector(".posts");
  const side = app.querySelector(".sidebar");
  const kept = { end: atEnd(posts), top: posts?.scrollTop, side: side?.scrollTop, left: side?.scrollLeft };
  const open = Boolean(app.querySelector("details[open]"));
  app.outerHTML = html;
  const now = document.querySelector(".posts");
  if (now) now.scrollTop = kept.end ? now.scrollHeight : kept.top;
  const sidebar = document.querySelector(".sidebar");
  if (sidebar) [sidebar.scrollTop, sidebar.scrollLeft] = [kept.side, kept.left];
  if (open) document.querySelector("details")?.setAttribute("open", "");
}

async function refresh() {
  try {
    const answer = await fetch(location.pathname + "?part=1");
    const html = await answer.text();
    if (answer.ok && html !== shown) {
      if (shown) show(html);
      shown = html;
    }
  } catch {
    // The simulator was stopped; the page stays as it was and tries again.
  }
  setTimeout(refresh, 1000);
}

const posts = document.querySelector(".posts");
if (posts) posts.scrollTop = posts.scrollHeight;
document.querySelector(".here")?.scrollIntoView({ block: "nearest", inline: "center" });
refresh();
