(function () {
  "use strict";
  var words = document.body.dataset;
  function cellOf(row, at) { return row.children[at]; }
  function keyOf(row, at) {
    var cell = cellOf(row, at), key = cell.getAttribute("data-sort");
    if (key === null) { return cell.textContent.trim(); }
    var number = Number(key);
    return isNaN(number) ? key : number;
  }
  function compare(a, b) {
    if (typeof a === "number" && typeof b === "number") { return a - b; }
    if (typeof a === "number") { return -1; }
    if (typeof b === "number") { return 1; }
    return a.localeCompare(b, document.documentElement.lang);
  }
  function sortBy(table, header, at) {
    var down = header.getAttribute("aria-sort") === "ascending", body = table.tBodies[0];
    Array.prototype.forEach.call(table.tHead.rows[0].cells, function (cell) { cell.removeAttribute("aria-sort"); });
    header.setAttribute("aria-sort", down ? "descending" : "ascending");
    Array.prototype.slice.call(body.rows)
      .sort(function (left, right) { return (down ? -1 : 1) * compare(keyOf(left, at), keyOf(right, at)); })
      .forEach(function (row) { body.appendChild(row); });
  }
  function makeSortable(table) {
    Array.prototype.forEach.call(table.tHead.rows[0].cells, function (header, at) {
      var button = document.createElement("button");
      button.type = "button";
      button.textContent = header.textContent;
      header.textContent = "";
      header.appendChild(button);
      button.addEventListener("click", function () { sortBy(table, header, at); });
    });
  }
  function makeFilter(table) {
    var field = document.createElement("input");
    field.type = "search";
    field.className = "filter";
    field.placeholder = words.filter;
    field.setAttribute("aria-label", words.filter);
    field.addEventListener("input", function () {
      var query = field.value.trim().toLowerCase();
      Array.prototype.forEach.call(table.tBodies[0].rows, function (row) {
        row.hidden = query !== "" && row.textContent.toLowerCase().indexOf(query) < 0;
      });
    });
    table.parentNode.parentNode.insertBefore(field, table.parentNode);
  }
  function makeToggle(place) {
    var button = document.createElement("button"), open = false;
    button.type = "button";
    button.className = "toggle";
    button.setAttribute("aria-pressed", "false");
    button.textContent = words.show;
    button.addEventListener("click", function () {
      open = !open;
      document.querySelectorAll("details.input").forEach(function (details) { details.open = open; });
      button.textContent = open ? words.hide : words.show;
      button.setAttribute("aria-pressed", String(open));
    });
    place.appendChild(button);
  }
  function makeFinder(field) {
    var cards = document.querySelectorAll("article.card"), status = document.querySelector("[data-found]");
    var step = 20, most = step, more = document.querySelector("[data-more]"), texts = [];
    function plain(text) {
      return text.normalize("NFKC").toLowerCase().replace(/\s+/g, " ").replace(/(\d)[, ](?=\d{3}(?!\d))/g, "$1");
    }
    function textOf(card, at) {
      if (texts[at] === undefined) { texts[at] = plain((card.getAttribute("data-search") || card.id) + " " + card.textContent); }
      return texts[at];
    }
    function wordsOf(query) { return plain(query).trim().split(/\s+/); }
    function linked() {
      try { return document.getElementById(decodeURIComponent(location.hash.slice(1))); } catch (error) { return null; }
    }
    function isId(card, word) {
      var id = (card.getAttribute("data-id") || "").toLowerCase();
      return id === word || (/^\d+$/.test(word) && id.replace(/^0+/, "") === word.replace(/^0+/, ""));
    }
    function find() {
      var words = wordsOf(field.value), shown = 0, matches = 0, exact = false, target = words[0] ? null : linked();
      if (words.length === 1 && words[0]) {
        cards.forEach(function (card) { exact = exact || isId(card, words[0]); });
      } else if (words.length > 1) {
        var phrase = words.join(" ");
        cards.forEach(function (card, at) { if (textOf(card, at).indexOf(phrase) >= 0) { words = [phrase]; } });
      }
      cards.forEach(function (card, at) {
        var fits = exact ? isId(card, words[0])
          : words.every(function (word) { return textOf(card, at).indexOf(word) >= 0; });
        matches += fits ? 1 : 0;
        card.hidden = card !== target && (!fits || shown >= most);
        shown += card.hidden ? 0 : 1;
      });
      var template = status.getAttribute(matches ? "data-found" : "data-none");
      status.textContent = template.replace("[shown]", shown).replace("[found]", matches).replace("[all]", cards.length);
      if (more) { more.hidden = matches <= shown; }
    }
    field.addEventListener("input", function () { most = step; find(); });
    if (more) { more.addEventListener("click", function () { most += step; find(); }); }
    function showLinked() {
      var card = linked();
      field.value = "";
      find();
      if (card) { card.scrollIntoView({behavior: "instant"}); }
    }
    window.addEventListener("hashchange", showLinked);
    showLinked();
  }
  function makeMover(place) {
    var about = place.dataset, steps = JSON.parse(about.steps), language = document.documentElement.lang;
    var count = new Intl.NumberFormat(language), share = new Intl.NumberFormat(language, {style: "percent"});
    var money = new Intl.NumberFormat(language, about.currency
      ? {style: "currency", currency: about.currency, currencyDisplay: "narrowSymbol", maximumFractionDigits: 0} : {maximumFractionDigits: 0});
    var label = document.createElement("label"), slider = document.createElement("input");
    var output = document.createElement("output");
    slider.type = "range";
    slider.min = 0;
    slider.max = steps.length - 1;
    slider.value = about.best;
    label.textContent = about.label;
    label.appendChild(slider);
    function read() {
      var step = steps[Number(slider.value)];
      var values = {n: count.format(Math.round(step[0] * Number(about.n))), share: share.format(step[0]).replace(/\s*%$/, language.slice(0, 2) === "zh" ? "%" : "\u202f%"),
        profit: money.format(step[1]), low: money.format(step[2]), high: money.format(step[3]), random: money.format(step[4])};
      output.textContent = about.reads.replace(/\[(\w+)\]/g, function (_, name) { return values[name].replace("-", "\u2212\u2060"); });
      slider.setAttribute("aria-valuetext", output.textContent);
    }
    slider.addEventListener("input", read);
    place.appendChild(label);
    place.appendChild(output);
    place.hidden = false;
    read();
  }
  function makeSwitch(place) {
    var segments = place.querySelectorAll(".segment"), bar = document.createElement("div");
    if (segments.length < 2) { return; }
    bar.className = "switch";
    bar.setAttribute("role", "group");
    bar.setAttribute("aria-label", place.dataset["switch"]);
    function choose(chosen) {
      segments.forEach(function (segment) { segment.hidden = chosen !== null && segment !== chosen; });
      bar.querySelectorAll("button").forEach(function (button) {
        button.setAttribute("aria-pressed", String(button.segment === chosen));
      });
    }
    function nameOf(segment) {
      var name = segment.getAttribute("aria-label"), short = name.split(/[:：]/)[0], same = 0;
      segments.forEach(function (other) { same += other.getAttribute("aria-label").split(/[:：]/)[0] === short ? 1 : 0; });
      return same === 1 ? short : name;
    }
    [null].concat(Array.prototype.slice.call(segments)).forEach(function (segment) {
      var button = document.createElement("button");
      button.type = "button";
      button.className = "toggle";
      button.segment = segment;
      button.textContent = segment ? nameOf(segment) : place.dataset.all;
      button.addEventListener("click", function () { choose(segment); });
      bar.appendChild(button);
    });
    place.parentNode.insertBefore(bar, place);
    choose(null);
  }
  document.querySelectorAll("[data-steps]").forEach(makeMover);
  document.querySelectorAll("[data-switch]").forEach(makeSwitch);
  document.querySelectorAll("[data-cards]").forEach(makeFinder);
  document.querySelectorAll("table[data-long]").forEach(function (table) { makeSortable(table); makeFilter(table); });
  document.querySelectorAll("[data-code-toggle]").forEach(makeToggle);
})();
