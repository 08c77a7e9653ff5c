"use strict";
(() => {
  const panels = [...document.querySelectorAll("svg[data-panel]")];
  const format = (v, unit) => {
    if (unit === "s") {
      if (v === 0) return "0 s";
      if (v < 0.1) return Number((v * 1e3).toPrecision(2)) + " ms";
      return v < 1 ? Math.round(v * 1e3) + " ms" : v.toFixed(2) + " s";
    }
    if (unit === "B") {
      let i = 0;
      for (; v >= 1000 && i < 4; i++) v /= 1000;
      return Number(v.toFixed(1)) + " " + ["B", "kB", "MB", "GB", "TB"][i];
    }
    return Number(v.toFixed(1)) + unit;
  };
  const say = (svg, slice) => {
    const out = svg.parentNode.querySelector(".readout");
    const traces = report.traces[svg.dataset.panel];
    if (!out || !traces) return;
    const at = report.from + slice * report.step;
    const words = traces.filter(t => t.v[slice] !== null && t.v[slice] !== undefined).map(t => t.name + " " + format(t.v[slice], t.unit));
    out.textContent = "at " + at + " s: " + (words.join(" · ") || "no value");
  };
  const move = e => {
    const box = e.currentTarget.getBoundingClientRect();
    const x = (e.clientX - box.left) / box.width * report.width;
    const count = Math.max(1, ...Object.values(report.traces).map(ts => ts[0].v.length));
    const share = (x - report.left) / (report.right - report.left);
    if (share < 0 || share >= 1) return leave();
    for (const p of panels) {
      const c = p.querySelector(".cursor");
      c.setAttribute("x1", x);
      c.setAttribute("x2", x);
      c.setAttribute("visibility", "visible");
      say(p, Math.floor(share * count));
    }
  };
  const leave = () => {
    for (const p of panels) {
      p.querySelector(".cursor").setAttribute("visibility", "hidden");
      const out = p.parentNode.querySelector(".readout");
      if (out) out.textContent = "";
    }
  };
  for (const p of panels) {
    p.addEventListener("mousemove", move);
    p.addEventListener("mouseleave", leave);
  }
  for (const t of document.querySelectorAll(".toggles")) t.hidden = false;
  for (const box of document.querySelectorAll("input[data-toggle]")) {
    box.addEventListener("change", () => {
      for (const f of document.querySelectorAll("figure[data-class]")) {
        if (f.dataset.class === box.dataset.toggle) f.hidden = !box.checked;
      }
    });
  }
})();
