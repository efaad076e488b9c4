import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createFlowRecord, type FlowRecord } from '../../agent/model/flow-record.ts';
import { addressText } from '../../agent/record/endpoint.ts';
import { readSpoolFile } from '../../agent/spool/spool-file.ts';
import { FlowBatchReader } from '../../agent/wire/flow-batch-reader.ts';
import { AgentProcess } from '../support/agent-process.ts';
import { converse, endsText, recordsOf } from '../support/nat-conversations.ts';
import { ADDRESS, NatGateway, natGatewayMissing } from '../support/nat-gateway.ts';
import { commandMissing } from '../support/network-namespace.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const missing = natGatewayMissing();
const setprivMissing = missing ?? commandMissing('setpriv');
for (const reason of new Set([missing, setprivMissing])) {
  if (reason !== undefined) process.stderr.write(`nat: ${reason}\n`);
}

const WINDOW_SECONDS = 2;
const FLOW_LOGS = ['inside', 'outside']
  .map((name) => `{ resourceType: NAT, interfaces: [${name}], interfaceId: ${name}, windowSeconds: ${WINDOW_SECONDS} }`)
  .join(', ');
const ICMPV6 = 58;

function seenText({ family, sourcePort, destinationPort, ...record }: FlowRecord): string {
  const { source0, source1, source2, source3, destination0, destination1, destination2, destination3 } = record;
  const source = addressText(family, [source0, source1, source2, source3]);
  const destination = addressText(family, [destination0, destination1, destination2, destination3]);
  return endsText({ source, destination, sourcePort, destinationPort });
}

function otherText({ family, annotations: known }: FlowRecord): string {
  const { translatedSource0, translatedSource1, translatedSource2, translatedSource3 } = known;
  const { translatedDestination0, translatedDestination1, translatedDestination2, translatedDestination3 } = known;
  const to = [translatedDestination0, translatedDestination1, translatedDestination2, translatedDestination3];
  return endsText({
    source: addressText(family, [translatedSource0, translatedSource1, translatedSource2, translatedSource3]),
    destination: addressText(family, to),
    sourcePort: known.translatedSourcePort,
    destinationPort: known.translatedDestinationPort,
  });
}

/** The records in batches that no log service took, without the neighbour discovery of the hosts. */
function spooledRecords(agent: AgentProcess): Map<string, string> {
  const found = new Map<string, string>();
  for (const name of agent.spooled) {
    const content = readSpoolFile(readFileSync(join(agent.stateFolder, 'spool', name)));
    if (content.kind === 'damaged') throw new Error(content.reason);
    const reader = new FlowBatchReader(content.payload);
    for (const record = createFlowRecord(); reader.next(record); ) {
      if (record.protocol === ICMPV6) continue;
      const { translation, initiator } = record.annotations;
      const translated = translation === 'matched' ? otherText(record) : translation;
      const known = translation === 'unmatched' ? 'unmatched' : `${translated}, begun by its ${initiator}`;
      found.set(`${reader.header.interfaceId} ${record.protocol} ${seenText(record)}`, known);
    }
  }
  return found;
}

function lines(records: Iterable<readonly [string, string]>): string[] {
  return [...records].map(([seen, other]) => `${seen} is ${other}`).sort();
}

/** An agent whose log service is never there. */
function createAgent(hosts: NatGateway, folder: string, through: readonly string[] = []): AgentProcess {
  return new AgentProcess({
    namespace: hosts.gateway,
    folder,
    service: { url: 'http://127.0.0.1:9', keys: { secretId: 'id', secretKey: 'key' } },
    windowSeconds: WINDOW_SECONDS,
    flowLogs: `[${FLOW_LOGS}]`,
    through,
  });
}

async function start(agent: AgentProcess): Promise<void> {
  const running = await agent.start();
  await running.until(({ stderr }) => stderr.split('"capturing"').length > 2);
}

describe.skipIf(missing !== undefined)('a NAT flow log of a gateway', { timeout: 60_000 }, () => {
  let hosts: NatGateway;
  beforeEach(() => {
    hosts = new NatGateway();
  });
  afterEach(() => hosts.remove());

  test('records both sides of what the gateway translates, and says what it does not know', async () => {
    const agent = createAgent(hosts, temporaryFolder());
    await start(agent);
    const conversations = await converse(hosts);
    expect((await agent.stop()).code).toBe(0);

    const { masqueraded, masqueraded6, pooled, published, hairpin, routed } = conversations;
    expect(masqueraded!.after.source).toBe(ADDRESS.outside);
    expect(masqueraded6!.after.source).toBe(ADDRESS.outside6);
    expect(pooled!.after.source).toBe(ADDRESS.pool);
    expect(pooled!.after.sourcePort).toBeLessThan(20_010);
    expect(published!.after.destinationPort).toBe(8080);
    expect(hairpin!.after).toMatchObject({ source: ADDRESS.inside, destination: ADDRESS.client });
    expect(routed!.after).toEqual(routed!.before);
    const expected = Object.values(conversations).flatMap(recordsOf);
    expect(lines(spooledRecords(agent))).toEqual(lines(expected));
  });
});
