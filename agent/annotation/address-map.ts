import type { FlowRecord } from '../model/flow-record.ts';
import type { Network } from '../packet/address.ts';
import { PrefixTable } from './prefix-table.ts';

/** What networks of both families say of the two addresses of a record. */
export class AddressMap<Value> {
  readonly #ipv4: PrefixTable<Value>;
  readonly #ipv6: PrefixTable<Value>;

  constructor(networks: readonly (readonly [Network, Value])[]) {
    this.#ipv4 = new PrefixTable(networks.filter(([{ family }]) => family === 4));
    this.#ipv6 = new PrefixTable(networks.filter(([{ family }]) => family === 6));
  }

  ofSource(record: FlowRecord): Value | undefined {
    if (record.family === 4) return this.#ipv4.find(record.source0, 0, 0, 0);
    return this.#ipv6.find(record.source0, record.source1, record.source2, record.source3);
  }

  ofDestination(record: FlowRecord): Value | undefined {
    if (record.family === 4) return this.#ipv4.find(record.destination0, 0, 0, 0);
    return this.#ipv6.find(record.destination0, record.destination1, record.destination2, record.destination3);
  }
}
