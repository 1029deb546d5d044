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
