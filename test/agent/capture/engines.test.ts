import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  AUTO_ENGINE,
  DEFAULT_SAVEFILE_ENGINE,
  ENGINES,
  type EngineRow,
  LIVE_ENGINE_CHOICES,
  LIVE_ENGINE_NAMES,
  liveEngine,
  SAVEFILE_ENGINE_NAMES,
  savefileEngine,
  withEnginesTable,
} from '../../../agent/capture/engines.ts';
import { debug } from '../../../agent/commands/debug.ts';
import { replay } from '../../../agent/commands/replay.ts';
import { SCHEMA } from '../../../agent/config/schema.ts';
import { OperationalError } from '../../../agent/model/operational-error.ts';

const ROWS: readonly EngineRow[] = ENGINES;
const FOLDER = new URL('../../../agent/capture/', import.meta.url);

describe('the table of engines', () => {
  it('has one row for each folder, and one folder for each row', () => {
    const folders = readdirSync(FOLDER, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect(folders.map(({ name }) => name).sort()).toEqual(ROWS.map(({ name }) => name).sort());
    for (const { name } of ROWS) expect(existsSync(new URL(`${name}/${name}.ts`, FOLDER))).toBe(true);
  });

  it('is what the configuration, the help of both commands and the page say', () => {
    const { kind } = SCHEMA.fields.capture.fields.engine;
    expect(kind.expected).toBe(`one of ${LIVE_ENGINE_CHOICES.join(', ')}`);
    for (const name of LIVE_ENGINE_CHOICES) {
      expect(kind.parse(name)).toBe(name);
      expect(engineOption(debug, AUTO_ENGINE).description).toContain(name);
    }
    for (const name of SAVEFILE_ENGINE_NAMES) {
      expect(engineOption(replay, DEFAULT_SAVEFILE_ENGINE).description).toContain(`${name} (`);
    }
    const page = readFileSync(new URL('../../../docs/capture.md', import.meta.url), 'utf8');
    expect(withEnginesTable(page)).toBe(page);
  });

  it.each(LIVE_ENGINE_NAMES)('creates the live engine %s under its own name, or says what is missing', async (name) => {
    expect(await nameOf(liveEngine(name).create())).toBe(name);
  });

  it.each(SAVEFILE_ENGINE_NAMES)('creates the savefile engine %s under its own name', async (name) => {
    expect((await savefileEngine(name).create()).name).toBe(name);
  });
});

function engineOption({ options }: typeof debug, standard: string) {
  const option = options.find(({ name }) => name === 'engine')!;
  expect(option.default).toBe(standard);
  return option;
}

/** The packages of some engines are optional, and one of them loads on a main thread only: their refusal names them. */
async function nameOf(creating: Promise<{ readonly name: string }>): Promise<string> {
  try {
    return (await creating).name;
  } catch (error) {
    if (!(error instanceof OperationalError) || error.code !== 'capture.engine-missing') throw error;
    return /The (\w+) engine/.exec(error.message)?.[1] ?? error.message;
  }
}
