/** Files in a folder as a kind of sink: what follows from its options without a disk. */
import { fileURLToPath } from 'node:url';
import type { Sink } from '../../model/sink.ts';
import type { SinkContext } from '../../model/sink-plan.ts';
import { sinkKind } from '../sink-kind.ts';
import { systemTimers } from '../timers.ts';
import { FILE_FORMATS } from './file-names.ts';
import { FILE_SECTION, type FileOptions, readFileOptions } from './options.ts';

const URL_DEFAULTS = { rotateSeconds: 300, rotateBytes: 64 * 1024 * 1024, ledgerLog: true } as const;

export const FILE = sinkKind({
  kind: 'file',
  section: FILE_SECTION,
  check: () => undefined,
  read: readFileOptions,
  create: createFileSink,
  describe: ({ folder, format }) => `${format} files in ${folder}`,
  storage: ({ folder }) => ({ service: `files in ${folder}` }),
  writes: ({ folder }) => [folder],
  url: {
    example: 'file:///var/tmp/flows?format=ndjson',
    help: `Files are written to that folder; formats: ${FILE_FORMATS.join(', ')}.`,
    read: readUrl,
  },
});

async function createFileSink(
  { folder, format, rotateSeconds, rotateBytes, ledgerLog }: FileOptions,
  { nowMs, lock }: SinkContext,
): Promise<Sink> {
  const { FileSink } = await import('./file-sink.ts');
  const rotateMs = rotateSeconds * 1000;
  return new FileSink({ folder, format, rotateMs, rotateBytes, ledgerLog, nowMs, timers: systemTimers, lock });
}

function readUrl(url: URL): FileOptions | undefined {
  if (url.protocol !== 'file:' || url.host !== '' || url.hash !== '' || /%2f/i.test(url.pathname)) return undefined;
  const format = FILE_FORMATS.find((known) => known === (url.searchParams.get('format') ?? 'ndjson'));
  if (format === undefined || [...url.searchParams.keys()].some((key) => key !== 'format')) return undefined;
  const folder = fileURLToPath(new URL(url.pathname, 'file:///')).replace(/(?<=.)\/+$/, '');
  return folder === '/' ? undefined : { folder, format, ...URL_DEFAULTS };
}
