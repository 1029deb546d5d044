"use strict";
// Pictures that answer: values under the pointer, series that hide, timelines that zoom.
(function () {
  var SVG = "http" + "://www.w3.org/2000/svg";
  var each = function (root, selector, visit) { Array.prototype.forEach.call(root.querySelectorAll(selector), visit); };

  function scaleOf(text, length) {
    var parts = text.split(" ").map(Number), logarithmic = parts[2] === 1;
    return {
      low: parts[0], high: parts[1],
      value: function (at) {
        var share = at / length;
        return logarithmic ? parts[0] * Math.pow(parts[1] / parts[0], share) : parts[0] + share * (parts[1] - parts[0]);
      }
    };
  }
  function digits(value) { return Number(value.toPrecision(3)).toString(); }

  // --- values ---
  function nearestOnLine(line, event) {
    var plot = line.closest(".plot"), box = line.ownerSVGElement.getScreenCTM().inverse();
    var at = new DOMPoint(event.clientX, event.clientY).matrixTransform(plot.getScreenCTM().inverse());
    var best = null;
    for (var i = 0; i < line.points.numberOfItems; ++i) {
      var p = line.points.getItem(i);
      if (!best || Math.abs(p.x - at.x) < Math.abs(best.x - at.x)) best = p;
    }
    var labels = plot.dataset.labels.split("\n"), width = plot.width.baseVal.value, height = plot.height.baseVal.value;
    return [line.dataset.line, labels[0] + " " + digits(scaleOf(plot.dataset.x, width).value(best.x)),
            labels[1] + " " + digits(scaleOf(plot.dataset.y, height).value(height - best.y))];
  }
  function titleOf(shape) {
    var title = shape.querySelector(":scope > title");
    if (title) { shape.dataset.about = title.textContent; title.remove(); }  // else the browser shows it too
    return shape.dataset.about || "";
  }
  function linesOf(event, picture) {
    if (event.target.dataset.line) return nearestOnLine(event.target, event).concat(window.lockstepRuns(event.target.dataset.g));
    for (var shape = event.target; shape && shape !== picture; shape = shape.parentNode) {
      var about = shape.querySelector ? titleOf(shape) : "";
      if (about) return [about, window.lockstepRuns(shape.dataset.g)];
    }
    return [];
  }

  // --- series ---
  function toggle(picture, key) {
    var hide = key.getAttribute("aria-pressed") === "true";
    each(picture, "[data-s=\"" + key.dataset.s + "\"]", function (part) {
      if (part.classList.contains("key")) part.setAttribute("aria-pressed", !hide);
      else part.classList.toggle("off", hide);
    });
  }

  // --- zoom along x ---
  function tics(low, high, most) {
    var raw = (high - low) / most, power = Math.pow(10, Math.floor(Math.log10(raw)));
    var step = [1, 2, 5, 10].map(function (f) { return f * power; }).filter(function (s) { return s >= raw * 0.999; })[0];
    var all = [];
    for (var at = Math.ceil(low / step - 1e-9) * step; at <= high + 1e-9 * step; at += step) all.push(Number(at.toPrecision(12)));
    return all;
  }
  function make(name, attributes, text) {
    var made = document.createElementNS(SVG, name);
    Object.keys(attributes).forEach(function (key) { made.setAttribute(key, attributes[key]); });
    if (text !== undefined) made.textContent = text;
    return made;
  }
  function Zoom(picture) {
    var plot = picture.querySelector(".plot"), width = plot.width.baseVal.value, height = plot.height.baseVal.value;
    var parts = plot.dataset.x.split(" ").map(Number), whole = {low: parts[0], high: parts[1]}, now = {low: whole.low, high: whole.high};
    var axis = plot.parentNode.querySelector(".axis-x"), shapes = [];
    each(plot, "rect, line, text", function (shape) {
      var kept = {shape: shape};
      ["x", "width", "x1", "x2"].forEach(function (name) { if (shape.hasAttribute(name)) kept[name] = Number(shape.getAttribute(name)); });
      kept.head = shape.parentNode.classList.contains("arrow") ? shape.parentNode.querySelector("path") : null;
      shapes.push(kept);
    });
    function draw() {
      var factor = (whole.high - whole.low) / (now.high - now.low), shift = width * (now.low - whole.low) / (whole.high - whole.low);
      var place = function (x) { return (x - shift) * factor; };
      plot.setAttribute("overflow", factor > 1.001 ? "hidden" : "visible");
      shapes.forEach(function (kept) {
        var set = function (name, value) { kept.shape.setAttribute(name, value.toFixed(2)); };
        if (kept.width !== undefined) { set("x", place(kept.x)); set("width", kept.width * factor); }
        else if (kept.x !== undefined) set("x", place(kept.x));
        if (kept.x1 === undefined) return;
        set("x1", place(kept.x1)); set("x2", place(kept.x2));
        var y1 = Number(kept.shape.getAttribute("y1")), y2 = Number(kept.shape.getAttribute("y2"));
        var degrees = Math.atan2(y2 - y1, place(kept.x2) - place(kept.x1)) * 180 / Math.PI;
        kept.head.setAttribute("transform", "translate(" + place(kept.x2).toFixed(2) + " " + y2 + ") rotate(" + degrees.toFixed(0) + ")");
      });
      axis.textContent = "";
      tics(now.low, now.high, width / 75).forEach(function (at) {
        var x = width * (at - now.low) / (now.high - now.low);
        axis.appendChild(make("path", {d: "M" + x + " " + height + "v4", stroke: "var(--text)"}));
        axis.appendChild(make("text", {x: x, y: height + 18, "text-anchor": "middle"}, at));
      });
    }
    // factor < 1: closer, around a share of the width.
    this.by = function (factor, share) {
      var middle = now.low + share * (now.high - now.low), length = Math.min((now.high - now.low) * factor, whole.high - whole.low);
      length = Math.max(length, (whole.high - whole.low) / 2000);
      now.low = Math.min(Math.max(middle - share * length, whole.low), whole.high - length);
      now.high = now.low + length;
      draw();
    };
    this.move = function (shares) {
      var length = now.high - now.low;
      now.low = Math.min(Math.max(now.low + shares * length, whole.low), whole.high - length);
      now.high = now.low + length;
      draw();
    };
    this.to = function (first, last) {  // shares of what is shown
      var length = now.high - now.low, low = now.low;
      now.low = low + first * length; now.high = low + last * length;
      draw();
    };
    this.reset = function () { now = {low: whole.low, high: whole.high}; draw(); };
    this.shareAt = function (event) {
      var at = new DOMPoint(event.clientX, event.clientY).matrixTransform(plot.getScreenCTM().inverse());
      return Math.min(1, Math.max(0, at.x / width));
    };
    this.plot = plot; this.width = width; this.height = height;
  }
  function zoomable(picture) {
    var zoom = new Zoom(picture), from = null, frame = make("rect", {y: 0, height: zoom.height, fill: "var(--accent)", "fill-opacity": ".2", "pointer-events": "none"});
    var tools = document.createElement("div");
    tools.className = "tools";
    [["closer", function () { zoom.by(0.5, 0.5); }], ["farther", function () { zoom.by(2, 0.5); }], ["\u25C2", function () { zoom.move(-0.25); }],
     ["\u25B8", function () { zoom.move(0.25); }], ["whole step", zoom.reset]].forEach(function (pair) {
      var button = Object.assign(document.createElement("button"), {type: "button", textContent: pair[0]});
      button.addEventListener("click", pair[1]);
      tools.appendChild(button);
    });
    tools.appendChild(document.createTextNode("drag over the picture to zoom, double-click for the whole step"));
    picture.closest(".scroll").before(tools);
    picture.addEventListener("pointerdown", function (event) {
      if (event.button || event.pointerType === "touch" || event.target.closest(".key")) return;
      from = zoom.shareAt(event);
      frame.setAttribute("width", 0);
      zoom.plot.appendChild(frame);
      event.preventDefault();
    });
    picture.addEventListener("pointermove", function (event) {
      if (from === null) return;
      var to = zoom.shareAt(event);
      frame.setAttribute("x", zoom.width * Math.min(from, to));
      frame.setAttribute("width", zoom.width * Math.abs(to - from));
    });
    window.addEventListener("pointerup", function (event) {
      if (from === null) return;
      var to = zoom.shareAt(event), first = Math.min(from, to), last = Math.max(from, to);
      from = null;
      frame.remove();
      if (last - first > 0.01) zoom.to(first, last);
    });
    picture.addEventListener("dblclick", zoom.reset);
    picture.addEventListener("wheel", function (event) {
      if (!event.ctrlKey) return;
      event.preventDefault();
      zoom.by(event.deltaY < 0 ? 0.8 : 1.25, zoom.shareAt(event));
    }, {passive: false});
  }

  each(document, "svg.picture", function (picture) {
    picture.addEventListener("pointermove", function (event) { window.lockstepTip(linesOf(event, picture), event.clientX, event.clientY); });
    picture.addEventListener("pointerleave", function () { window.lockstepTip([], 0, 0); });
    each(picture, ".key", function (key) {
      key.addEventListener("click", function () { toggle(picture, key); });
      key.addEventListener("keydown", function (event) {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        toggle(picture, key);
      });
    });
    if (picture.dataset.zoom !== undefined) zoomable(picture);
  });
})();
