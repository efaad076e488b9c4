/** Conversations as lines, step by step: nothing more is read until the output has taken what there is. */

import { joinText, type Text } from '../terminal/styled-text.ts';
import type { TextOutput } from '../terminal/text-output.ts';
import type { ConversationValues } from './columns.ts';
import { conversationText } from './conversation-text.ts';

/** @param formatRows of a format for programs; undefined for lines that people read */
export type FormatRows = (conversations: readonly ConversationValues[], isFirst: boolean) => string;

export class Printer {
  readonly #stdout: TextOutput;
  readonly #formatRows: FormatRows | undefined;
  #isFirst = true;

  constructor(stdout: TextOutput, formatRows: FormatRows | undefined) {
    this.#stdout = stdout;
    this.#formatRows = formatRows;
  }

  async print(conversations: readonly ConversationValues[]): Promise<void> {
    if (conversations.length === 0 && !this.#isFirst) return;
    const text = this.#formatRows?.(conversations, this.#isFirst) ?? this.#lines(conversations);
    this.#isFirst = false;
    await new Promise<void>((resolve, reject) => {
      this.#stdout.write(text, (error) => (error ? reject(error) : resolve()));
    });
  }

  #lines(conversations: readonly ConversationValues[]): Text {
    return joinText(conversations.map((values) => conversationText(values, this.#stdout.isTTY)));
  }
}
