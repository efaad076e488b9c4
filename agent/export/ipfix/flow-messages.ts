/**
 * One flow batch as messages of IPFIX: a data record for each flow with the elements of the fields that the batch names, and then, in messages of
 * domain 0, what describes its domain and the ledger of its window.
 */
import type { FieldName } from '../../../schema/fields.ts';
import { type BatchHeader, isLossOfFindings } from '../../model/batch-id.ts';
import { createFlowRecord, type FlowRecord } from '../../model/flow-record.ts';
import type { Ledger } from '../../model/ledger.ts';
import { type Column, columnsOf } from '../../record/field-columns.ts';
import { VALUE_BYTES_MAX } from '../../record/field-text.ts';
import { FlowBatchReader } from '../../wire/flow-batch-reader.ts';
import { newer } from '../../wire/protobuf-reader.ts';
import { type Messages, MessageWriter, type Refresh, type WriteRecord } from './message-writer.ts';
import { optionsTemplate, typePairs, writeOptions } from './options-records.ts';
import { OWN_OPTIONS_ELEMENTS } from './own-elements.ts';
import { isVariable, OWN_RECORD_ELEMENTS, presenceOf, type RecordElement, recordElements } from './record-elements.ts';
import type { Domain, Session } from './session.ts';
import { type RecordTemplate, recordTemplate, TEMPLATE_IDS } from './template.ts';
import { addToTotals, domainPairs, exclusionPairs, ledgerPairs } from './window-options.ts';

/** One batch is held as messages until it is sent. */
export const BATCH_RECORDS_MAX = 4_096;

export interface FlowMessagesOptions {
  /** Under which flowlogd's own elements are sent; undefined leaves them out. */
  readonly enterpriseNumber: number | undefined;
  /** Whether the last part of a window also carries its ledger. */
  readonly ledgerLog: boolean;
  readonly messageBytesMax: number;
  readonly refresh: Refresh;
}

export interface FlowMessages extends Messages {
  /** The batch was not sent after all: what it added to the totals of the domain is taken back. */
  takeBack(): void;
}

interface Use {
  readonly template: RecordTemplate;
  readonly write: WriteRecord;
}

/** Encodes batch after batch. */
export class FlowMessagesEncoder {
  readonly #options: FlowMessagesOptions;
  readonly #record = createFlowRecord();

  constructor(options: FlowMessagesOptions) {
    this.#options = options;
  }

  /** @throws OperationalError `spool.damaged` when the bytes are no batch, `spool.newer` when this version cannot read all of it */
  encode(batch: Uint8Array, session: Session, nowMs: number): FlowMessages {
    const { messageBytesMax, refresh, ledgerLog, enterpriseNumber } = this.#options;
    const reader = new FlowBatchReader(batch);
    const { header, ledger } = reader;
    // There is no element for them.
    if (reader.findings.length > 0 || isLossOfFindings(header))
      return { bytes: new Uint8Array(0), ends: [], takeBack: () => undefined };
    const columns = listedColumns(header);
    const domain = session.domainOf(header);
    const restore = keeping([domain, session.options]);
    try {
      const writer = new MessageWriter(domain, messageBytesMax, refresh, nowMs);
      this.#writeRecords(writer, reader, columns, domain);
      writer.enter(session.options);
      if (enterpriseNumber !== undefined) writeTypes(writer, session.options, enterpriseNumber);
      this.#writeDomain(writer, domain, header, columns);
      if (ledger !== undefined && ledgerLog) this.#writeLedger(writer, domain, header, ledger);
      return { ...writer.finish(), takeBack: () => takeBack(domain, reader.records, ledgerLog ? ledger : undefined) };
    } catch (error) {
      restore();
      throw error;
    }
  }

  /** As often as templates are, because who has missed those has missed it, too. */
  #writeDomain(writer: MessageWriter, domain: Domain, header: BatchHeader, columns: readonly Column[]): void {
    const kind = { id: TEMPLATE_IDS.domain, scopes: 1 };
    const pairs = domainPairs(domain, header, columns);
    const said = { id: kind.id, bytes: Buffer.from(JSON.stringify(pairs)) };
    if (!writer.isDue(said, domain)) return;
    writeOptions(writer, kind, pairs, this.#options.enterpriseNumber);
    writer.remember(said, domain);
  }

  #writeRecords(writer: MessageWriter, reader: FlowBatchReader, columns: readonly Column[], { totals }: Domain): void {
    const { header } = reader;
    const { enterpriseNumber } = this.#options;
    const names = columns.map(({ field }) => field.name as FieldName);
    const elements = recordElements(names, header, enterpriseNumber !== undefined);
    const bytesMax = elements.reduce((sum, element) => sum + elementBytesMax(element), 0);
    const presenceMax = elements.reduce((bits, { presence }) => bits | presence, 0);
    const uses: (Use | undefined)[] = [];
    const record = this.#record;
    while (reader.next(record)) {
      const presence = presenceOf(record) & presenceMax;
      const at = record.family === 6 ? presence + 8 : presence;
      uses[at] ??= useOf(record, header, recordTemplate(record.family, presence, elements, enterpriseNumber));
      const use = uses[at];
      writer.record(use.template, bytesMax, use.write);
      totals.flowRecords++;
    }
  }

  #writeLedger(writer: MessageWriter, domain: Domain, header: BatchHeader, ledger: Ledger): void {
    const { enterpriseNumber } = this.#options;
    addToTotals(domain.totals, ledger, 1);
    writeOptions(writer, { id: TEMPLATE_IDS.ledger, scopes: 1 }, ledgerPairs(domain, header, ledger), enterpriseNumber);
    if (enterpriseNumber === undefined) return;
    const kind = { id: TEMPLATE_IDS.exclusion, scopes: 2 };
    for (const pairs of exclusionPairs(domain, header, ledger)) writeOptions(writer, kind, pairs, enterpriseNumber);
  }
}

/** Answers what makes domains as they are now: nothing is sent of a batch that cannot be read to its end. */
function keeping(domains: readonly Domain[]): () => void {
  const before = domains.map(({ sequence, totals }) => ({ sequence, totals: { ...totals } }));
  return () => {
    for (const [index, domain] of domains.entries()) {
      domain.sequence = before[index]!.sequence;
      Object.assign(domain.totals, before[index]!.totals);
      domain.announced.clear();
    }
  };
}

function takeBack({ totals }: Domain, records: number, ledger: Ledger | undefined): void {
  totals.flowRecords -= records;
  if (ledger !== undefined) addToTotals(totals, ledger, -1);
}

function writeTypes(writer: MessageWriter, options: Domain, enterprise: number): void {
  const kind = { id: TEMPLATE_IDS.types, scopes: 2 };
  if (!writer.isDue(optionsTemplate(kind, typePairs(OWN_RECORD_ELEMENTS[0]!, enterprise), enterprise), options)) return;
  for (const element of [...OWN_RECORD_ELEMENTS, ...OWN_OPTIONS_ELEMENTS]) {
    writeOptions(writer, kind, typePairs(element, enterprise), enterprise);
  }
}

function useOf(record: FlowRecord, header: BatchHeader, template: RecordTemplate): Use {
  const { steps } = template;
  return {
    template,
    write(buffer, start) {
      let at = start;
      for (let i = 0; i < steps.length; i++) at = steps[i]!(record, header, buffer, at);
      return at;
    },
  };
}

function elementBytesMax({ 6: element }: RecordElement): number {
  return isVariable(element) ? 1 + VALUE_BYTES_MAX : element.length;
}

function listedColumns({ resourceType, fields }: BatchHeader): readonly Column[] {
  const columns = columnsOf(resourceType, fields);
  if (columns !== undefined) return columns;
  throw newer(`field ${fields.find((name) => columnsOf(resourceType, [name]) === undefined)}`);
}
