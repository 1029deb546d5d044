#include "analysis/render/html_assets.hpp"

namespace lockstep {

const char* const kHtmlStyle = R"css(
:root { --page: #ffffff; --text: #1b1b1b; --soft: #5a5f66; --line: #d4d8dd; --panel: #f5f7f9; --accent: #0072b2; --warn: #b34700; }
@media (prefers-color-scheme: dark) { :root:not([data-theme]) { --page: #14171a; --text: #e6e6e6; --soft: #a2abb5; --line: #3a4149; --panel: #1d2226; --accent: #56b4e9; --warn: #e69f00; } }
:root[data-theme=dark] { --page: #14171a; --text: #e6e6e6; --soft: #a2abb5; --line: #3a4149; --panel: #1d2226; --accent: #56b4e9; --warn: #e69f00; color-scheme: dark; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 1180px; background: var(--page); color: var(--text); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: .5rem 0; }
h2 { font-size: 1.15rem; margin: 2rem 0 .6rem; padding-bottom: .2rem; border-bottom: 1px solid var(--line); }
.meta, figcaption, .note { color: var(--soft); font-size: .88rem; }
.verdict { background: var(--panel); border-left: 4px solid var(--accent); padding: .6rem 1rem; }
.verdict p { margin: .35rem 0; }
nav { font-size: .88rem; margin: 1rem 0; }
nav a { display: inline-block; margin-right: .9rem; }
a { color: var(--accent); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums; overflow-wrap: normal; }
th, td { padding: .25rem .7rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; vertical-align: top; }
th:first-child, td:first-child, td.text, th.text { text-align: left; }
td.text { white-space: normal; min-width: 14rem; }
thead th { border-bottom: 2px solid var(--line); background: var(--panel); }
th button { all: unset; cursor: pointer; font-weight: 600; }
th button:focus-visible { outline: 2px solid var(--accent); }
th[aria-sort=ascending] button::after { content: " \25B2"; }
th[aria-sort=descending] button::after { content: " \25BC"; }
td[title], th[title] { cursor: help; }
tbody tr:hover { background: var(--panel); }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 520px), 1fr)); gap: 1.2rem; }
figure { margin: 0; padding: .6rem; border: 1px solid var(--line); border-radius: 4px; min-width: 0; }
figure.wide { grid-column: 1 / -1; }
figure svg { display: block; width: 100%; height: auto; min-width: 500px; }
figure h3 { font-size: 1rem; margin: 0 0 .3rem; }
pre { background: var(--panel); padding: .6rem; overflow-x: auto; font-size: .82rem; margin: .4rem 0; }
ul.findings { padding-left: 1.2rem; }
ul.findings li { margin: .25rem 0; }
h3 { font-size: 1rem; margin: 1rem 0 .4rem; }
summary { cursor: pointer; }
@media (max-width: 600px) { body { padding: .7rem; font-size: 15px; } th, td { padding: .2rem .45rem; } }
@media print {
  :root, :root[data-theme], :root:not([data-theme]) { --page: #fff; --text: #000; --soft: #444; --line: #bbb; --panel: #fff; --accent: #0072b2; }
  body { max-width: none; font-size: 10pt; padding: 0; }
  nav { display: none; }
  figure, tr { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
  figure svg { min-width: 0; }
  .scroll { overflow: visible; }
  table { font-size: 8pt; }
  th, td { white-space: normal; padding: .1rem .3rem; }
}
)css";

const char* const kHtmlScript = R"js(
"use strict";
(function () {
  function value(row, column) {
    var cell = row.cells[column], text = cell ? cell.textContent.trim() : "";
    var number = parseFloat(text);
    return {text: text, number: isNaN(number) ? null : number};
  }
  function compare(a, b) {
    if (a.number !== null && b.number !== null) return a.number - b.number;
    if (a.number !== null) return -1;
    if (b.number !== null) return 1;
    return a.text.localeCompare(b.text);
  }
  function sort(header) {
    var table = header.closest("table"), body = table.tBodies[0], column = header.cellIndex;
    var down = header.getAttribute("aria-sort") === "ascending";
    var rows = Array.prototype.map.call(body.rows, function (row) { return {row: row, value: value(row, column)}; });
    rows.sort(function (a, b) { return (down ? -1 : 1) * compare(a.value, b.value); });
    rows.forEach(function (entry) { body.appendChild(entry.row); });
    table.querySelectorAll("th").forEach(function (th) { th.removeAttribute("aria-sort"); });
    header.setAttribute("aria-sort", down ? "descending" : "ascending");
  }
  document.querySelectorAll("thead th button").forEach(function (button) {
    button.addEventListener("click", function () { sort(button.closest("th")); });
  });
  window.addEventListener("beforeprint", function () {
    document.querySelectorAll("details").forEach(function (details) { details.open = true; });
  });
})();
)js";

}  // namespace lockstep
