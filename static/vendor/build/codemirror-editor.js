// What the editor page needs of CodeMirror, as one global for a page without modules.
import {EditorView, basicSetup} from "codemirror";
import {EditorState, StateEffect} from "@codemirror/state";
import {keymap} from "@codemirror/view";
import {StreamLanguage, LanguageSupport, indentUnit, syntaxHighlighting, foldService} from "@codemirror/language";
import {indentWithTab} from "@codemirror/commands";
import {snippetCompletion} from "@codemirror/autocomplete";
import {linter, lintGutter, forceLinting} from "@codemirror/lint";
import {lua} from "@codemirror/legacy-modes/mode/lua";
import {classHighlighter} from "@lezer/highlight";

window.CodeMirror = {
  EditorView, EditorState, StateEffect, basicSetup, keymap, StreamLanguage, LanguageSupport, indentUnit, syntaxHighlighting,
  foldService, indentWithTab, snippetCompletion, linter, lintGutter, forceLinting, lua, classHighlighter,
};
