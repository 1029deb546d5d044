"use strict";
// Tables that sort, filter and fold; sections as tabs; what a number means and which runs it comes from.
(function () {
  var MANY = 20, FIRST = 12;
  var each = function (root, selector, visit) { Array.prototype.forEach.call(root.querySelectorAll(selector), visit); };

  // --- sections as tabs; the address names the one that is shown ---
  var sections = Array.prototype.slice.call(document.querySelectorAll("main > section"));
  function show() {
    var target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    var wanted = target && target.closest("main > section") || sections[0];
    sections.forEach(function (section) { section.classList.toggle("shown", section === wanted); });
    each(document, "nav a", function (link) {
      if (link.hash === "#" + wanted.id) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    });
    for (var fold = target; fold; fold = fold.parentElement) if (fold.tagName === "DETAILS") fold.open = true;
    if (target && target !== wanted) target.scrollIntoView({block: "center"});
  }
  if (sections.length) {
    document.body.classList.add("tabbed");
    window.addEventListener("hashchange", show);
    show();
  }

  // --- tables ---
  function value(row, column) {
    var cell = row.cells[column], text = cell ? cell.textContent.trim() : "";
    var number = parseFloat(cell && cell.dataset.v || text);
    return {text: text, number: isNaN(number) ? null : number};
  }
  function compare(a, b) {
    if (a.number !== null && b.number !== null) return a.number - b.number;
    if (a.number !== null) return -1;
    if (b.number !== null) return 1;
    return a.text.localeCompare(b.text);
  }
  // A row and what is folded below it.
  function entries(body) {
    var all = [];
    Array.prototype.forEach.call(body.rows, function (row) {
      if (row.classList.contains("more")) all[all.length - 1].push(row);
      else all.push([row]);
    });
    return all;
  }
  function sort(header) {
    var table = header.closest("table"), body = table.tBodies[0], column = header.cellIndex;
    var down = header.getAttribute("aria-sort") === "ascending";
    var rows = entries(body).map(function (rows) { return {rows: rows, value: value(rows[0], column)}; });
    rows.sort(function (a, b) { return (down ? -1 : 1) * compare(a.value, b.value); });
    rows.forEach(function (entry) { entry.rows.forEach(function (row) { body.appendChild(row); }); });
    each(table, "th", function (th) { th.removeAttribute("aria-sort"); });
    header.setAttribute("aria-sort", down ? "descending" : "ascending");
    if (table.refresh) table.refresh();
  }
  each(document, "thead th button", function (button) {
    button.addEventListener("click", function () { sort(button.closest("th")); });
  });
  each(document, "button.fold", function (button) {
    button.addEventListener("click", function () {
      var open = button.getAttribute("aria-expanded") !== "true";
      var below = button.getAttribute("aria-controls");
      button.setAttribute("aria-expanded", open);
      if (below) document.getElementById(below).hidden = !open;
      else button.closest("tbody").classList.toggle("folded", !open);
    });
  });
  // Long tables: a field that filters, and the first rows alone until all are asked for.
  function element(name, properties) { return Object.assign(document.createElement(name), properties); }
  function shorten(table) {
    var runs = table.classList.contains("runs"), all = runs ? [] : entries(table.tBodies[0]), whole = runs || table.classList.contains("metrics");
    var count = runs ? table.tBodies.length : all.length;
    if (count <= MANY) return;
    var tools = element("div", {className: "tools"});
    var field = element("input", {type: "search", placeholder: "filter " + count + " rows"});
    field.setAttribute("aria-label", "filter the rows of this table");
    var button = element("button", {type: "button"});
    table.refresh = function () {
      var words = field.value.toLowerCase().split(/\s+/).filter(Boolean), shown = 0;
      var matches = function (text) { return words.every(function (word) { return text.indexOf(word) >= 0; }); };
      if (runs) Array.prototype.forEach.call(table.tBodies, function (body) { body.hidden = !matches(body.textContent.toLowerCase()); });
      else entries(table.tBodies[0]).forEach(function (rows) {
        var out = !matches(rows[0].textContent.toLowerCase()) || (!whole && !words.length && shown >= FIRST);
        shown += out ? 0 : 1;
        rows.forEach(function (row) { row.classList.toggle("out", out); });
      });
      button.textContent = whole ? "first " + FIRST + " rows" : "all " + count + " rows";
    };
    field.addEventListener("input", table.refresh);
    button.addEventListener("click", function () { whole = !whole; table.refresh(); });
    tools.appendChild(field);
    if (!whole) tools.appendChild(button);
    var place = table.closest(".scroll") || table;
    place.parentNode.insertBefore(tools, place);
    table.refresh();
  }
  each(document, "table", shorten);

  // --- what the pointer rests on: the definition of the column, the value, the runs ---
  var runs = {};
  each(document, "table.runs tr.run", function (row) {
    (row.dataset.g || "").split(" ").forEach(function (group) { (runs[group] = runs[group] || []).push(row.cells[1].textContent); });
  });
  function runsOf(groups) {
    var all = [];
    (groups || "").split(" ").forEach(function (group) { all = all.concat(runs[group] || []); });
    if (!all.length) return "";
    var some = all.slice(0, 6).join("\n    ");
    return (all.length === 1 ? "run " : all.length + " runs:\n    ") + some + (all.length > 6 ? "\n    and " + (all.length - 6) + " more" : "");
  }
  var tip = element("div", {id: "tip", hidden: true});
  tip.setAttribute("role", "tooltip");
  document.body.appendChild(tip);
  window.lockstepTip = function (lines, x, y) {
    var text = lines.filter(Boolean).join("\n");
    tip.hidden = !text;
    if (!text) return;
    tip.textContent = text;
    tip.style.left = Math.max(4, Math.min(x + 14, innerWidth - tip.offsetWidth - 8)) + "px";
    tip.style.top = (y + 18 + tip.offsetHeight > innerHeight ? Math.max(4, y - tip.offsetHeight - 10) : y + 18) + "px";
  };
  window.lockstepRuns = runsOf;
  function take(element) {  // the browser would show a title of its own beside ours
    var text = element.getAttribute("title");
    if (text) { element.dataset.about = text; element.removeAttribute("title"); element.setAttribute("aria-description", text); }
    return element.dataset.about || "";
  }
  function linesOf(target) {
    var cell = target.closest("td, th"), row = cell && cell.closest("tr");
    if (!cell) return [];
    if (cell.closest("thead")) return [take(cell)];
    var head = cell.closest("table").tHead, header = head && cell.colSpan === 1 ? head.rows[0].cells[cell.cellIndex] : null;
    if (row.classList.contains("more") || row.classList.contains("run")) return [];
    return [header && cell.cellIndex > 0 ? take(header) : "", runsOf(row.dataset.g || header && header.dataset.g)];
  }
  document.addEventListener("pointermove", function (event) {
    if (event.target.closest("svg.picture")) return;
    var shape = event.target.closest("svg.bar *"), title = shape && shape.querySelector("title");
    window.lockstepTip(title ? [title.textContent] : linesOf(event.target), event.clientX, event.clientY);
  });
  document.addEventListener("scroll", function () { tip.hidden = true; }, true);
  document.addEventListener("keydown", function (event) { if (event.key === "Escape") tip.hidden = true; });

  window.addEventListener("beforeprint", function () {
    each(document, "header tr.more", function (row) { row.hidden = false; });
    each(document, "main figure", function (figure) { var fold = figure.closest("details"); if (fold) fold.open = true; });
  });
})();
