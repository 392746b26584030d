/**
 * Makes src/api/generated.ts of wherobots_storage/api/schema.json, which is made of models.py.
 * With --check nothing is written; the exit code tells whether the file is current.
 */
import { readFile, writeFile } from 'node:fs/promises';

import { compile } from 'json-schema-to-typescript';
import { format, resolveConfig } from 'prettier';

const SCHEMA = new URL('../wherobots_storage/api/schema.json', import.meta.url);
const TARGET = new URL('../src/api/generated.ts', import.meta.url);
const BANNER = `/*
 * Generated of wherobots_storage/api/schema.json by \`npm run schema:generate\`. Do not edit.
 */`;

async function render() {
  const schema = JSON.parse(await readFile(SCHEMA, 'utf-8'));
  const source = await compile(simplified(schema), 'WireMessage', {
    additionalProperties: false,
    bannerComment: BANNER,
    format: false,
    ignoreMinAndMaxItems: true
  });
  const style = await resolveConfig(TARGET.pathname);
  return format(source, { ...style, parser: 'typescript' });
}

/**
 * Without what would make a second type of a definition: a title that repeats its name, and a
 * default beside a reference.
 */
function simplified(value, isDefinition = false) {
  if (Array.isArray(value)) {
    return value.map(item => simplified(item));
  }
  if (typeof value !== 'object' || value === null) {
    return value;
  }
  const kept = Object.entries(value).filter(
    ([key]) => !(key === 'title' && isDefinition) && !(key === 'default' && '$ref' in value)
  );
  return Object.fromEntries(
    kept.map(([key, inner]) => [key, key === '$defs' ? definitions(inner) : simplified(inner)])
  );
}

function definitions(value) {
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, simplified(inner, true)])
  );
}

const wanted = await render();
if (!process.argv.includes('--check')) {
  await writeFile(TARGET, wanted, 'utf-8');
} else if (wanted !== (await readFile(TARGET, 'utf-8').catch(() => ''))) {
  console.error(
    'src/api/generated.ts is not what schema.json says. ' +
      'Run `npm run schema:generate` and commit the result.'
  );
  process.exitCode = 1;
}
