import { Spool, type SpoolOptions } from '../../agent/spool/spool.ts';

/** Opens a spool and reads all of its index. */
export function openSpool(options: SpoolOptions): Spool {
  const spool = Spool.open(options);
  while (spool.readSome());
  return spool;
}
