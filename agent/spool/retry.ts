/** Quarantined batches that an operator wants delivered after all, once the reason of their refusal is mended. */
import { setImmediate as turn } from 'node:timers/promises';
import type { Spool } from './spool.ts';

interface Named {
  readonly sink: string;
  readonly batch: string;
}

/**
 * @param wanted of one sink or all, and the batches by name or all
 * @returns those that are pending again, and those that stay
 * @throws OperationalError `spool.unusable`; those before are pending then
 */
export async function retryQuarantined(
  spool: Spool,
  { sink, batches }: { readonly sink?: string | undefined; readonly batches?: readonly string[] | undefined },
) {
  const restored: Named[] = [];
  const refused: (Named & { readonly reason: string })[] = [];
  const isWanted = (name: string) => batches === undefined || batches.includes(name);
  for (const queue of spool.queues.filter((each) => sink === undefined || each.sink === sink)) {
    for (const batch of queue.quarantinedNames.filter(isWanted)) {
      const reason = queue.restore(batch);
      if (reason === undefined) restored.push({ sink: queue.sink, batch });
      else refused.push({ sink: queue.sink, batch, reason });
      await turn();
    }
  }
  spool.sweep();
  return { restored, refused };
}
