// Turns the script's text area into an editor, and checks conditions while they are written; without it both are plain.
"use strict";

(() => {
  const KEYWORD_CALL = /:(?:Get|Exists|ToTable|Select|Items|Count|Set|Remove|PopulateAt|Append)\(\s*["']([\w.[\]]*)$/;
  const token = () => document.querySelector("[name=csrfmiddlewaretoken]").value;

  function post(address, fields) {
    return fetch(address, {method: "POST", body: new URLSearchParams(fields), headers: {"X-CSRFToken": token()}});
  }

  // Conditions
  const conditions = document.getElementById("conditions");
  const waiting = new WeakMap();

  async function check(row) {
    const fields = [...row.querySelectorAll("input, select")].map((field) => [field.name, field.value]);
    const answer = await post(conditions.dataset.check, fields);
    if (answer.ok) row.querySelector(".words").innerHTML = await answer.text();
  }

  conditions?.addEventListener("input", (event) => {
    const row = event.target.closest(".condition-row");
    clearTimeout(waiting.get(row));
    waiting.set(row, setTimeout(() => check(row), 300));
  });
  conditions?.addEventListener("click", (event) => {
    if (event.target.matches("[data-remove-row]")) event.target.closest(".condition-row").remove();
  });

  const library = document.querySelector("[data-library]");
  const script = document.querySelector("[data-script]");
  const showScript = () => (script.hidden = library.value !== "");
  if (library && script) {
    library.addEventListener("change", showScript);
    showScript();
  }

  // Editor
  function completions(names) {
    const {snippetCompletion} = CodeMirror;
    const byName = new Map(names.objects.map((object) => [object.name, object]));
    const anyItem = names.objects.filter((object) => ["dataset", "item"].includes(object.name));
    const member = (found) => {
      const about = {label: found.name, detail: found.signature, info: found.help, type: found.field ? "property" : "method"};
      return found.field ? about : snippetCompletion(`${found.name}(\${})`, about);
    };
    const globals = names.objects.flatMap((object) => {
      if (object.kind === "function") return object.members.map(member);
      if (object.kind === "value" || object.name.includes(".")) return [];
      return [{label: object.name, info: object.help, type: "variable"}];
    });
    const words = (list, type) => list.map((label) => ({label, type}));
    const keywords = words(names.keywords, "constant");

    return (context) => {
      const before = context.state.doc.lineAt(context.pos).text.slice(0, context.pos - context.state.doc.lineAt(context.pos).from);
      const inside = (found, options) => ({from: context.pos - found.length, options, validFor: /^[\w./-]*$/});
      let found = before.match(/\broute:Add\(\s*["']([^"']*)$/);
      if (found) return inside(found[1], words(names.destinations, "constant"));
      found = before.match(/\binclude\s*\(?\s*["']([^"']*)$/);
      if (found) return inside(found[1], words(names.libraries, "text"));
      found = before.match(KEYWORD_CALL);
      if (found) return inside(found[1].split(".").pop(), keywords);
      found = before.match(/([\w.]+)[:.](\w*)$/);
      if (found) {
        const object = byName.get(found[1]);
        return inside(found[2], (object ? [object] : anyItem).flatMap((each) => each.members).map(member));
      }
      found = before.match(/\w+$/);
      const all = [...globals, ...words(names.defined, "function")];
      return found || context.explicit ? inside(found ? found[0] : "", all) : null;
    };
  }

  async function start(area) {
    const {EditorView, EditorState, basicSetup, keymap, StreamLanguage, LanguageSupport} = CodeMirror;
    const {indentUnit, syntaxHighlighting, indentWithTab, linter, lintGutter, lua, classHighlighter} = CodeMirror;
    const language = StreamLanguage.define(lua);
    const names = fetch(area.dataset.names).then((answer) => answer.json()).then(completions);
    const lint = async (view) => {
      const answer = await post(area.dataset.lint, {script: view.state.doc.toString()});
      const {problems} = answer.ok ? await answer.json() : {problems: []};
      // What failed is marked as long as the text is still the one that failed.
      if (failed && view.state.doc.eq(untouched)) problems.push({severity: "error", line: Number(failed.line), message: failed.message});
      return problems.map((problem) => {
        const {from, to} = view.state.doc.line(Math.min(Math.max(problem.line, 1), view.state.doc.lines));
        return {from, to, severity: problem.severity, message: problem.message};
      });
    };
    const label = area.labels[0];
    const failed = document.querySelector("#failed-line[data-line]:not([data-line=''])")?.dataset;
    const view = new EditorView({
      doc: area.value,
      extensions: [
        EditorView.cspNonce.of(area.dataset.nonce),
        // Ctrl-Enter is the page's; without this the editor would take it for a new line.
        keymap.of([{key: "Mod-Enter", run: () => true}]),
        basicSetup,
        keymap.of([indentWithTab]),
        new LanguageSupport(language, language.data.of({autocomplete: async (context) => (await names)(context)})),
        syntaxHighlighting(classHighlighter),
        indentUnit.of("  "),
        EditorState.tabSize.of(2),
        lintGutter(),
        linter(lint, {delay: 400}),
        EditorView.contentAttributes.of({"aria-label": label.textContent}),
        EditorView.updateListener.of((update) => {
          if (!update.docChanged) return;
          area.value = update.state.doc.toString();
          area.dispatchEvent(new Event("input", {bubbles: true}));
        }),
      ],
    });
    const untouched = view.state.doc;
    for (const button of document.querySelectorAll("[data-insert]")) {
      button.hidden = false;
      button.addEventListener("click", () => {
        view.dispatch(view.state.replaceSelection(button.dataset.insert));
        view.focus();
      });
    }
    area.addEventListener("go-to-line", ({detail}) => {
      const {from} = view.state.doc.line(Math.min(Math.max(detail, 1), view.state.doc.lines));
      view.dispatch({selection: {anchor: from}, effects: EditorView.scrollIntoView(from, {y: "center"})});
      view.focus();
    });
    if (failed) {
      const {from} = view.state.doc.line(Math.min(Number(failed.line), view.state.doc.lines));
      view.dispatch({selection: {anchor: from}, effects: EditorView.scrollIntoView(from, {y: "center"})});
    }
    area.hidden = true;
    label.addEventListener("click", () => view.focus());
    area.after(view.dom);
  }

  for (const area of document.querySelectorAll("textarea[data-editor]")) start(area);
})();
