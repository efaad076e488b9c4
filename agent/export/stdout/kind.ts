/** Standard output as a kind of sink, for containers. */
import { BOOLEAN } from '../../options/kinds.ts';
import { option, section } from '../../options/option.ts';
import { sinkKind } from '../sink-kind.ts';
import { systemTimers } from '../timers.ts';

interface StdoutOptions {
  readonly ledgerLog: boolean;
}

export const STDOUT = sinkKind({
  kind: 'stdout',
  section: section('Standard output, one JSON object a line, for containers: see stdout.md.', {
    ledgerLog: option(BOOLEAN, 'true', {
      description:
        'Also print the ledger of each window (offered, metered, excluded, dropped ...), as a line of its own.',
    }),
  }),
  check: () => undefined,
  read: ({ ledgerLog }): StdoutOptions => ({ ledgerLog }),
  async create({ ledgerLog }) {
    const { StdoutSink } = await import('./stdout-sink.ts');
    return new StdoutSink({ ledgerLog, timers: systemTimers });
  },
  describe: () => 'standard output',
  storage: () => ({ service: 'standard output' }),
  url: {
    example: 'stdout:',
    help: 'That, or -, is standard output, one JSON object a line.',
    read: ({ href }): StdoutOptions | undefined => (href === 'stdout:' ? { ledgerLog: true } : undefined),
  },
});
