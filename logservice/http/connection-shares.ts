/**
 * Who holds how many connections of one listener. A peer gets no more than its share, and when all places are taken the peer
 * that holds most of them makes room. What makes room is always the oldest connection that never showed a valid signature:
 * a client that has the key keeps its place, whatever others open.
 */
export interface ShareLimits {
  readonly connectionsMax: number;
  readonly perPeerMax: number;
}

interface Place {
  /** Undefined until it is known; all of those are as one peer. */
  peer: string | undefined;
  hasKey: boolean;
}

export class ConnectionShares<C> {
  readonly #limits: ShareLimits;
  /** In the order in which they came. */
  readonly #places = new Map<C, Place>();

  constructor(limits: ShareLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#places.size;
  }

  /** Answers the connection that has to close for this one, which may be itself, and forgets it. */
  enter(connection: C, peer: string | undefined): C | undefined {
    this.#places.set(connection, { peer, hasKey: false });
    return this.#evict(this.#excess(peer) ?? this.#overflow(connection));
  }

  /** Tells whose connection it is; answers the one that has to close for it. */
  identify(connection: C, peer: string): C | undefined {
    const place = this.#places.get(connection);
    if (place === undefined) return undefined;
    place.peer = peer;
    return this.#evict(this.#excess(peer));
  }

  /** It showed a valid signature. */
  keep(connection: C): void {
    const place = this.#places.get(connection);
    if (place !== undefined) place.hasKey = true;
  }

  leave(connection: C): void {
    this.#places.delete(connection);
  }

  #evict(connection: C | undefined): C | undefined {
    if (connection !== undefined) this.#places.delete(connection);
    return connection;
  }

  #excess(peer: string | undefined): C | undefined {
    if (peer === undefined) return undefined;
    const held = [...this.#places.values()].filter((place) => place.peer === peer).length;
    return held > this.#limits.perPeerMax ? this.#oldestWithoutKey(peer) : undefined;
  }

  #overflow(newcomer: C): C | undefined {
    if (this.#places.size <= this.#limits.connectionsMax) return undefined;
    const held = new Map<string | undefined, number>();
    for (const { peer, hasKey } of this.#places.values()) if (!hasKey) held.set(peer, (held.get(peer) ?? 0) + 1);
    const [most] = [...held].sort(([, a], [, b]) => b - a);
    return (most && this.#oldestWithoutKey(most[0])) ?? newcomer;
  }

  #oldestWithoutKey(peer: string | undefined): C | undefined {
    for (const [connection, place] of this.#places) if (place.peer === peer && !place.hasKey) return connection;
    return undefined;
  }
}
