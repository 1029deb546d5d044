// Put into the report's page by page.sh: does what a reader does, and writes down what the page answers.
window.addEventListener("load", function () {
  var out = [], tip = document.getElementById("tip");
  function note(name, value) { out.push(name + ": " + value); }
  function texts(selector) { return Array.prototype.map.call(document.querySelectorAll(selector), function (e) { return e.textContent; }); }
  function visible(selector) { return Array.prototype.filter.call(document.querySelectorAll(selector), function (e) { return e.offsetParent !== null; }); }
  function over(element) {
    var box = element.getBoundingClientRect();
    element.dispatchEvent(new PointerEvent("pointermove", {bubbles: true, clientX: box.left + box.width / 2, clientY: box.top + box.height / 2}));
    return tip.hidden ? "nothing" : tip.textContent.split("\n").join(" | ");
  }
  function click(element) { element.dispatchEvent(new MouseEvent("click", {bubbles: true})); }
  function go(hash, then) { return function () { return new Promise(function (done) { location.hash = hash; setTimeout(function () { then(); done(); }, 50); }); }; }

  var steps = [
    go("#scaling", function () {
      note("sections", texts("nav a").join(" "));
      note("shown", visible("main > section").map(function (s) { return s.id; }).join(" "));
      note("rows at first", visible(".overview tr.row").length);
      note("answer above the fold", document.querySelector(".overview tr.row").getBoundingClientRect().bottom < 900);
      note("bar", over(document.querySelector("svg.bar rect")));
      var field = document.querySelector("header .tools input"), row = document.querySelector(".overview tr.row");
      if (field) {
        click(field.nextSibling);
        note("all rows", visible(".overview tr.row").length);
        field.value = "bucket_mb=7 pays";
        field.dispatchEvent(new Event("input"));
        note("filtered", visible(".overview tr.row").length);
        field.value = "";
        field.dispatchEvent(new Event("input"));
      }
      click(row.querySelector(".fold"));
      note("opened", visible("tr.more").length);
      click(document.querySelectorAll(".overview thead button")[3]);
      note("first by speedup", document.querySelector(".overview tr.row th").textContent);
    }),
    go("#ranks", function () {
      var picture = document.querySelector("svg.picture[data-zoom]"), shape = picture.querySelector(".plot rect");
      var tools = picture.closest("figure").querySelector(".tools").children, before = Number(shape.getAttribute("width"));
      note("shape", over(shape));
      click(tools[0]);
      note("closer", (Number(shape.getAttribute("width")) / before).toFixed(1));
      click(tools[4]);
      note("whole", (Number(shape.getAttribute("width")) / before).toFixed(1));
      click(picture.querySelector(".key"));
      note("hidden", picture.querySelectorAll(".off").length);
      note("cell", over(document.querySelector("#ranks table td:nth-child(3)")));
    }),
    go("#learning", function () { note("line", over(document.querySelector("#learning polyline[data-line]"))); }),
    go("#def-karp_flatt", function () { note("term", visible("main > section").map(function (s) { return s.id; }).join(" ")); }),
    go("#runs", function () {
      note("runs at first", visible("tr.run").length);
      click(document.querySelector("#runs .fold"));
      note("runs of one", visible("tr.run").length);
    })
  ];
  steps.reduce(function (before, step) { return before.then(step); }, Promise.resolve()).catch(function (error) { note("error", error.stack); }).then(function () {
    note("load ms", Math.round(performance.getEntriesByType("navigation")[0].loadEventEnd));
    document.body.appendChild(Object.assign(document.createElement("pre"), {id: "probe", textContent: out.join("\n") + "\nend"}));
  });
});
