/** What makes flows the same, and what makes two of them the directions of one conversation. As texts, made once for each flow. */
import type { Action } from '../model/annotations.ts';
import type { FlowRecord } from '../model/flow-record.ts';

export interface FlowKey {
  readonly key: string;
  /** The same for both directions, whatever the packet filter did with them. */
  readonly conversation: string;
  /** Which of its two directions it is. */
  readonly isForward: boolean;
}

export function flowKeyOf(interfaceName: string, record: FlowRecord): FlowKey {
  const { family, protocol } = record;
  const source = `${record.source0} ${record.source1} ${record.source2} ${record.source3} ${record.sourcePort}`;
  const destination = `${record.destination0} ${record.destination1} ${record.destination2} ${record.destination3} ${record.destinationPort}`;
  const isForward = source <= destination;
  const ends = isForward ? `${source} ${destination}` : `${destination} ${source}`;
  const conversation = `${interfaceName} ${family} ${protocol} ${ends}`;
  return {
    key: `${conversation} ${isForward} ${actionOf(record)} ${rejectRuleOf(record) ?? ''}`,
    conversation,
    isForward,
  };
}

/** What the packet filter did with it, as far as anybody knows. */
export function actionOf({ isAnnotated, annotations }: FlowRecord): Action {
  return isAnnotated ? annotations.action : 'ACCEPT';
}

/** The rule that rejected it, by its log prefix, which may be empty; undefined of a flow that was not rejected. */
export function rejectRuleOf(record: FlowRecord): string | undefined {
  return actionOf(record) === 'REJECT' ? record.annotations.rejectRule : undefined;
}
