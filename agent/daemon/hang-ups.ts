/** SIGHUP of a service, from its first line on: one that comes before it can reload is answered when it can. */
export class HangUps {
  #isPending = false;
  #reload: (() => void) | undefined;

  constructor({ onHangUp }: { onHangUp(listener: () => void): void }) {
    onHangUp(() => this.#received());
  }

  listen(reload: () => void): void {
    this.#reload = reload;
    if (this.#isPending) reload();
  }

  #received(): void {
    if (this.#reload === undefined) this.#isPending = true;
    else this.#reload();
  }
}
