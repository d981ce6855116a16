// Writes ../manifest.json (what the bundle holds, and its fingerprint) and ../codemirror.LICENSE.txt.
import {createHash} from "node:crypto";
import {readFileSync, writeFileSync} from "node:fs";

const {packages} = JSON.parse(readFileSync("package-lock.json"));
const used = Object.entries(packages).filter(([path, about]) => path && !about.dev && !about.optional);
const parts = used.map(([path, {version, license}]) => ({name: path.replace("node_modules/", ""), version, license}));
const bundle = readFileSync("../codemirror.js");
const files = {"codemirror.js": {sha256: createHash("sha256").update(bundle).digest("hex"), parts}};
writeFileSync("../manifest.json", `${JSON.stringify(files, null, 2)}\n`);
writeFileSync("../codemirror.LICENSE.txt", readFileSync("node_modules/codemirror/LICENSE"));
