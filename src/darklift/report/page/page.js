"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);

  // ------------------------------------------------------------------------------------------------- tables
  function sortable(table) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      head.tabIndex = 0;
      const sort = () => {
        const falling = head.getAttribute("aria-sort") === "ascending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", falling ? "descending" : "ascending");
        const key = (row) => {
          const cell = row.cells[column];
          return cell.dataset.value === undefined ? cell.textContent : Number(cell.dataset.value);
        };
        const order = (a, b) => (typeof a === "number" ? a - b : a.localeCompare(b, undefined, { numeric: true }));
        const rows = [...table.tBodies[0].rows].sort((a, b) => order(key(a), key(b)) * (falling ? -1 : 1));
        table.tBodies[0].append(...rows);
      };
      head.addEventListener("click", sort);
      head.addEventListener("keydown", (event) => {
        if (event.key === "Enter" || event.key === " ") { event.preventDefault(); sort(); }
      });
    });
  }

  function element(tag, text, attributes = {}) {
    const made = document.createElement(tag);
    made.textContent = text;
    Object.entries(attributes).forEach(([name, value]) => made.setAttribute(name, value));
    return made;
  }

  function fill(select, options) {
    select.replaceChildren(...options.map(([value, text]) => element("option", text, { value })));
  }

  // ------------------------------------------------------------------------------- before, after, truth, errors
  const views = new Map(data.views.map((view) => [view.name, view]));
  let show = () => {};

  if (views.size) {
    const [image, left, right, slider] = ["image", "left", "right", "slider"].map(byId);
    const [under, over, line, stage, glass] = ["under", "over", "line", "stage", "glass"].map(byId);
    const kinds = [["low", "dark photo"], ["high", "ground truth"]];
    data.labels.forEach((label, place) => kinds.push([`made ${place}`, label]));
    data.labels.forEach((label, place) => kinds.push([`errors ${place}`, `error of ${label}`]));
    fill(image, data.views.map((view) => [view.name, view.name]));
    fill(left, kinds);
    fill(right, kinds);
    left.value = "low";
    right.value = "made 0";

    const address = (kind) => {
      const [name, place] = kind.split(" ");
      const found = views.get(image.value)[name];
      return place === undefined ? found : found[Number(place)];
    };
    const cut = () => {
      over.style.clipPath = `inset(0 ${100 - slider.value}% 0 0)`;
      line.style.left = `${slider.value}%`;
    };
    const draw = () => {
      under.src = address(right.value);
      over.src = address(left.value);
      under.alt = right.selectedOptions[0].textContent;
      over.alt = left.selectedOptions[0].textContent;
      const row = data.names.indexOf(image.value);
      const seen = [...new Set([left.value, right.value].map((kind) => kind.split(" ")[1]).filter(Boolean))];
      const facts = data.metrics.map((metric) => {
        const scores = seen.map((place) => `${data.labels[place]} ${data.scores[metric.name][place][row].toFixed(metric.digits)}`);
        return `${metric.heading}: ${scores.join(", ")}`;
      });
      byId("caption").textContent = [`${over.alt} | ${under.alt}`, ...(seen.length ? facts : [])].join(". ") + ".";
      cut();
    };
    [image, left, right].forEach((select) => select.addEventListener("change", draw));
    slider.addEventListener("input", cut);
    const place = (event) => {
      const box = stage.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top, box];
    };
    stage.addEventListener("pointermove", (event) => {
      const [x, y, box] = place(event);
      if (event.buttons) { slider.value = (100 * x) / box.width; cut(); }
      if (!byId("magnify").checked) { return; }
      const zoom = 3, radius = glass.width / 2, context = glass.getContext("2d");
      glass.hidden = false;
      glass.style.left = `${x - radius}px`;
      glass.style.top = `${y - radius}px`;
      context.imageSmoothingEnabled = false;
      const border = radius + ((slider.value / 100) * box.width - x) * zoom;
      [[under, border, glass.width], [over, 0, border]].forEach(([picture, from, to]) => {
        context.save();
        context.beginPath();
        context.rect(from, 0, to - from, glass.height);
        context.clip();
        context.drawImage(picture, radius - x * zoom, radius - y * zoom, box.width * zoom, box.height * zoom);
        context.restore();
      });
    });
    stage.addEventListener("pointerdown", (event) => {
      const [x, , box] = place(event);
      slider.value = (100 * x) / box.width;
      cut();
    });
    stage.addEventListener("pointerleave", () => { glass.hidden = true; });
    show = (name) => {
      image.value = name;
      draw();
      byId("viewer").scrollIntoView();
    };
    draw();
  }

  // -------------------------------------------------------------------------------------------- image by image
  const metricChoice = byId("metric");
  fill(metricChoice, data.metrics.map((metric) => [metric.name, metric.heading]));
  const imagesTable = byId("images");
  function listImages() {
    const metric = data.metrics.find((one) => one.name === metricChoice.value);
    const head = document.createElement("thead"), body = document.createElement("tbody");
    const heads = head.insertRow();
    ["image", ...(data.scenes ? ["scene"] : []), ...data.labels].forEach((text) => heads.append(element("th", text, { scope: "col" })));
    data.names.forEach((name, row) => {
      const line = body.insertRow(), first = element("th", "", { scope: "row" });
      if (views.has(name)) {
        const button = element("button", name, { class: "look", type: "button" });
        button.addEventListener("click", () => show(name));
        first.append(button);
      } else { first.textContent = name; }
      line.append(first);
      if (data.scenes) { line.append(element("td", data.scenes[row])); }
      data.labels.forEach((label, place) => {
        const score = data.scores[metric.name][place][row];
        line.append(element("td", score.toFixed(metric.digits), { "data-value": score }));
      });
    });
    imagesTable.replaceChildren(head, body);
    sortable(imagesTable);
  }
  metricChoice.addEventListener("change", listImages);
  document.querySelectorAll("table.sortable").forEach((table) => { if (table.tHead) { sortable(table); } });
  listImages();

  // ---------------------------------------------------------------------------------------------------- charts
  const dark = window.matchMedia("(prefers-color-scheme: dark)").matches;
  const drawn = Object.entries(data.charts).map(([id, chart]) =>
    vegaEmbed(`#${id}`, chart, { renderer: "svg", actions: { export: true, source: false, compiled: false, editor: false }, theme: dark ? "dark" : undefined }));
  Promise.all(drawn).then(() => { document.body.dataset.ready = "yes"; });
})();
