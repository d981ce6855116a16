// What the editor offers while somebody types: the API, DICOM keywords, AE titles, states, library files and their names.
"use strict";

// Called by editor.js with what the server says there is.
window.scriptCompletion = (names) => {
  const {snippetCompletion} = CodeMirror;
  const TITLES = /(?:\b(?:route:Add|node:stats|node:echo|queue:\w+ByDestination)\(|AeTitle\s*[=~]=)\s*["']([^"']*)$/;
  const STATES = /(?:\bqueue:(?:count|findByState)\(|\b(?:countByState|itemsByState)\(|\.state\s*[=~]=)\s*["'](\w*)$/;
  const INCLUDE = /\binclude\s*\(?\s*["']([^"']*)$/;
  const PATH = /:(?:Get|Exists|ToTable|Select|Items|Count|Set|Remove|PopulateAt|Append)\(\s*["']([\w.[\]]*)$/;
  const TABLE = /:(?:PopulateAt|Append)\(.*[{,]\s*(\w*)$/;
  const INCLUDED = /\binclude\s*\(?\s*["']([^"'\n]+)["']/g;

  const words = (list, type) => list.map((label) => ({label, type}));
  const keywords = words(names.keywords, "constant");
  const titles = words(names.destinations, "constant");
  const byName = new Map(names.objects.map((object) => [object.name, object]));
  const anyItem = names.objects.filter((object) => ["dataset", "item"].includes(object.name));

  function member(found) {
    const about = {label: found.name, detail: found.signature, info: found.help, type: found.field ? "property" : "method"};
    return found.field ? about : snippetCompletion(`${found.name}(\${})`, about);
  }

  const globals = names.objects.flatMap((object) => {
    if (object.kind === "function") return object.members.map(member);
    if (object.kind === "value" || object.name.includes(".")) return [];
    return [{label: object.name, info: object.help, type: "variable"}];
  });

  // The files that a text brings with it, and those that these bring.
  function brought(text, found = new Set()) {
    for (const [, path] of text.matchAll(INCLUDED)) {
      if (found.has(path) || !(path in names.libraries)) continue;
      found.add(path);
      for (const further of names.libraries[path].includes) brought(`include('${further}')`, found);
    }
    return found;
  }

  function fromLibraries(text) {
    const here = brought(text);
    return Object.entries(names.libraries).flatMap(([path, {defines}]) => defines.map(({name, signature, help}) => ({
      label: name,
      detail: signature === name ? path : signature.slice(name.length),
      info: [help, here.has(path) ? `from ${path}` : `from ${path}, which this text does not include`].filter(Boolean).join(" — "),
      type: signature === name ? "variable" : "function",
      boost: here.has(path) ? 1 : -50,
    })));
  }

  function ownWords(text, typed) {
    const known = new Set(globals.map(({label}) => label));
    const found = new Set(text.match(/[A-Za-z_]\w{2,}/g));
    return [...found].filter((word) => word !== typed && !known.has(word)).map((label) => ({label, type: "text", boost: -99}));
  }

  return (context) => {
    const line = context.state.doc.lineAt(context.pos);
    const before = line.text.slice(0, context.pos - line.from);
    const inside = (typed, options) => ({from: context.pos - typed.length, options, validFor: /^[\w./-]*$/});
    for (const [pattern, options] of [
      [TITLES, titles],
      [STATES, words(names.states, "constant")],
      [INCLUDE, words(Object.keys(names.libraries), "text")],
    ]) {
      const found = before.match(pattern);
      if (found) return inside(found[1], options);
    }
    let found = before.match(PATH) || before.match(TABLE);
    if (found) return inside(found[1].split(".").pop(), keywords);
    found = before.match(/([\w.]+)[:.](\w*)$/);
    if (found) {
      const object = byName.get(found[1]);
      return inside(found[2], (object ? [object] : anyItem).flatMap((each) => each.members).map(member));
    }
    found = before.match(/\w+$/);
    if (!found && !context.explicit) return null;
    const text = context.state.doc.toString();
    const typed = found ? found[0] : "";
    return inside(typed, [...globals, ...fromLibraries(text), ...ownWords(text, typed)]);
  };
};
