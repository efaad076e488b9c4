import type { FlowRecord } from '../model/flow-record.ts';
import type { RecordAnnotator } from '../model/record-annotator.ts';
import type { Network } from '../packet/address.ts';
import { AddressMap } from './address-map.ts';

/** A region and the networks that lie in it. */
export interface Region {
  readonly id: string;
  readonly networks: readonly Network[];
}

/** Says in which regions the two addresses of a record lie: the longest prefix decides, and no prefix is no region. */
export function annotateRegions(regions: readonly Region[]): RecordAnnotator {
  const map = new AddressMap(regions.flatMap(({ id, networks }) => networks.map((network) => [network, id] as const)));
  return {
    begin: () => undefined,
    annotate(record: FlowRecord) {
      const { annotations } = record;
      record.isAnnotated = true;
      annotations.sourceRegion = map.ofSource(record) ?? '';
      annotations.destinationRegion = map.ofDestination(record) ?? '';
    },
  };
}
