import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseSearch } from './http/search-body.ts';
import { Refusal } from './model/refusal.ts';
import type { SearchResult } from './search/search-request.ts';
import { Searches } from './search/searches.ts';
import { ReadGate } from './store/read-gate.ts';
import { inUse, readStopped, type StoppedStore } from './store/stopped.ts';

/**
 * One search of a store that no service has: read in place, and by the process that searches for a service, with its limits and its
 * sandbox. It writes nothing into the store, and spills into the folder for temporary files.
 */
const WORKER = fileURLToPath(new URL('./search/search-worker.js', import.meta.url));

/** From standard input to standard output, a line of JSON each; ends with standard input, as whoever asks does. */
export async function answerOneSearch(folder: string): Promise<void> {
  const lines = createInterface({ input: process.stdin });
  lines.once('close', () => process.exit());
  const line = await new Promise<string>((resolve) => lines.once('line', resolve));
  const answer = await searchStopped(resolve(folder), Buffer.from(line), WORKER);
  process.stdout.write(`${JSON.stringify(answer)}\n`);
  lines.close();
}

/** @throws StoreError where the store cannot be opened */
export async function searchStopped(
  folder: string,
  question: Uint8Array,
  worker: string,
): Promise<SearchResult | Refusal> {
  const asked = parseSearch(question, Date.now());
  if (asked instanceof Refusal) return asked;
  const store = inUse(folder) ?? (await readStopped(folder, String(asked.topicId ?? '')));
  if (store instanceof Refusal) return store;
  const spillIn = mkdtempSync(join(tmpdir(), 'flowlogd-search-'));
  const searches = searchesOf(store, worker, spillIn);
  try {
    const { topic, otherKeys } = store;
    const answer = await searches.run({ ...asked, topic, otherKeys, signal: new AbortController().signal });
    if (answer instanceof Refusal) return answer;
    return { ...answer, notes: [`Read the store ${folder} itself: its log service is stopped.`, ...answer.notes] };
  } finally {
    await searches.stop();
    rmSync(spillIn, { recursive: true, force: true });
  }
}

function searchesOf({ path }: StoppedStore, worker: string, spillIn: string): Searches {
  return new Searches({
    storePath: path,
    gate: new ReadGate(),
    prepare: async () => undefined,
    exclusive: (work) => work(),
    worker,
    spillIn,
  });
}
