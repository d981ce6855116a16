// Turns the script's text area into an editor; without it the text area is a plain one.
"use strict";

(() => {
  const {EditorView, EditorState, StateEffect, basicSetup, keymap, StreamLanguage, LanguageSupport} = CodeMirror;
  const {foldService, indentUnit, syntaxHighlighting, indentWithTab, linter, lintGutter, lua, classHighlighter} = CodeMirror;
  const again = StateEffect.define();
  const asks = ({effects}) => effects.some((effect) => effect.is(again));

  // A block ends before the next line that is indented as little as its first.
  const folds = foldService.of((state, from) => {
    const first = state.doc.lineAt(from);
    const depth = (text) => text.match(/^\s*/)[0].replaceAll("\t", "  ").length;
    if (!first.text.trim()) return null;
    let end = null;
    for (let number = first.number + 1; number <= state.doc.lines; number++) {
      const line = state.doc.line(number);
      if (!line.text.trim()) continue;
      if (depth(line.text) <= depth(first.text)) break;
      end = line.to;
    }
    return end === null ? null : {from: first.to, to: end};
  });

  // Tab indents; after Escape it leads out of the editor, also when Escape has closed a list of names.
  const letTabLeave = EditorView.domEventObservers({
    keydown: (event, view) => {
      if (event.key === "Escape") view.setTabFocusMode(5000);
    },
  });

  async function problemsOf(area, script) {
    const body = new URLSearchParams({script, path: area.dataset.path || ""});
    const answer = await fetch(area.dataset.lint, {method: "POST", body, headers: {"X-CSRFToken": csrfToken()}});
    return answer.ok && !answer.redirected ? (await answer.json()).problems : [];
  }

  async function start(area) {
    const language = StreamLanguage.define(lua);
    const names = fetch(area.dataset.names).then((answer) => answer.json()).then(scriptCompletion);
    const label = area.labels[0];
    const failed = document.querySelector("#failed-line[data-line]:not([data-line=''])")?.dataset;
    // What went wrong while it ran is marked as long as the text is still the one that ran.
    let ran = null;
    const lint = async (view) => {
      const problems = await problemsOf(area, view.state.doc.toString());
      if (ran && view.state.doc.eq(ran.text)) problems.push({severity: "error", line: ran.line, message: ran.message});
      return problems.map(({line, severity, message}) => {
        const {from, to} = view.state.doc.line(Math.min(Math.max(line, 1), view.state.doc.lines));
        return {from, to, severity, message};
      });
    };
    const view = new EditorView({
      doc: area.value,
      extensions: [
        EditorView.cspNonce.of(area.dataset.nonce),
        // Ctrl-Enter is the page's; without this the editor would take it for a new line.
        keymap.of([{key: "Mod-Enter", run: () => true}]),
        letTabLeave,
        basicSetup,
        keymap.of([indentWithTab]),
        new LanguageSupport(language, language.data.of({autocomplete: async (context) => (await names)(context)})),
        folds,
        syntaxHighlighting(classHighlighter),
        indentUnit.of("  "),
        EditorState.tabSize.of(2),
        lintGutter(),
        linter(lint, {delay: 400, needsRefresh: ({transactions}) => transactions.some(asks)}),
        EditorView.contentAttributes.of({"aria-label": label.textContent, "aria-describedby": "editor-keys"}),
        EditorView.updateListener.of((update) => {
          if (!update.docChanged) return;
          area.value = update.state.doc.toString();
          area.dispatchEvent(new Event("input", {bubbles: true}));
        }),
      ],
    });

    function mark(line, message) {
      ran = line ? {line: Number(line), message, text: view.state.doc} : null;
      view.dispatch({effects: again.of(null)});
    }

    function goTo(line) {
      const {from} = view.state.doc.line(Math.min(Math.max(Number(line), 1), view.state.doc.lines));
      view.dispatch({selection: {anchor: from}, effects: EditorView.scrollIntoView(from, {y: "center"})});
    }

    for (const button of document.querySelectorAll("[data-insert]")) {
      button.hidden = false;
      button.addEventListener("click", () => {
        view.dispatch(view.state.replaceSelection(button.dataset.insert));
        view.focus();
      });
    }
    area.addEventListener("script-ran", ({detail}) => mark(detail.line, detail.message));
    area.addEventListener("go-to-line", ({detail}) => {
      goTo(detail);
      view.focus();
    });
    if (failed) {
      mark(failed.line, failed.message);
      goTo(failed.line);
    }
    // The browser puts back what was typed before Back, perhaps after the editor has taken its text: it is what would be
    // saved, and so it is what is shown.
    window.addEventListener("pageshow", () => {
      const text = view.state.toText(area.value);
      if (!view.state.doc.eq(text)) view.dispatch({changes: {from: 0, to: view.state.doc.length, insert: text}});
    });
    area.hidden = true;
    document.getElementById("editor-keys").hidden = false;
    label.addEventListener("click", () => view.focus());
    area.after(view.dom);
  }

  for (const area of document.querySelectorAll("textarea[data-editor]")) start(area);
})();
