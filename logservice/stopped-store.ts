import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseSearch } from './http/search-body.ts';
import { Refusal } from './model/refusal.ts';
import type { SearchResult } from './search/search-request.ts';
import { Searches } from './search/searches.ts';
import { makeSpillFolder, removeLeftSpillFolders } from './search/spill-folder.ts';
import { refuseForeign } from './store/foreign-folder.ts';
import { ReadGate } from './store/read-gate.ts';
import { inUse, readStopped, type StoppedStore } from './store/stopped.ts';

/**
 * One search of a store that no service has: read in place, and by the process that searches for a service, with its limits and its
 * sandbox. It writes nothing into the store, and spills into the folder for temporary files.
 */
const WORKER = fileURLToPath(new URL('./search/search-worker.js', import.meta.url));

/** From standard input to standard output, a line of JSON each; ends with standard input, as whoever asks does, and by a signal. */
export async function answerOneSearch(folder: string): Promise<void> {
  const lines = createInterface({ input: process.stdin });
  const { signal } = interruption(lines);
  const [line] = (await once(lines, 'line', { signal }).catch(endInterrupted)) as [string];
  const answer = await searchStopped(resolve(folder), Buffer.from(line), WORKER, signal);
  if (!signal.aborted) await Promise.race([written(`${JSON.stringify(answer)}\n`), once(signal, 'abort')]);
  process.exit();
}

/** Whoever asks went away, or ends the search. */
function interruption(lines: NodeJS.EventEmitter): AbortController {
  const interrupted = new AbortController();
  lines.once('close', () => interrupted.abort());
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => interrupted.abort());
  return interrupted;
}

function endInterrupted(): never {
  process.exit();
}

/** A pipe takes 64 KB at a time: the rest leaves this process only as it is read. */
function written(text: string): Promise<void> {
  return new Promise((resolve) => process.stdout.write(text, () => resolve()));
}

/** @throws StoreError where the store cannot be opened */
export async function searchStopped(
  folder: string,
  question: Uint8Array,
  worker: string,
  signal: AbortSignal,
): Promise<SearchResult | Refusal> {
  refuseForeign(folder);
  const asked = parseSearch(question, Date.now());
  if (asked instanceof Refusal) return asked;
  const store = inUse(folder) ?? (await readStopped(folder, String(asked.topicId ?? '')));
  if (store instanceof Refusal) return store;
  removeLeftSpillFolders(Date.now());
  const spillIn = makeSpillFolder();
  const searches = searchesOf(store, worker, spillIn);
  try {
    const { topic, otherKeys } = store;
    const answer = await searches.run({ ...asked, topic, otherKeys, signal });
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
