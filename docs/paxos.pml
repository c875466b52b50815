/* What the proposers and acceptors of this repository agree on, with all else
 * left out: an abstract specification in Promela, checked by Spin. The real code
 * is checked by cmd/model, and what is written here is no part of it.
 *
 *   spin -a docs/paxos.pml && gcc -w -O2 -DSAFETY -DBFS -o pan pan.c && ./pan
 *
 * visits every state: checked with Spin 6.5.2, 1118691 states stored, errors: 0.
 * -DBALLOTS=3 or -DSLOTS=2 is more than was visited to its end. Each of these
 * leaves out one rule, and Spin objects (errors: 1):
 *
 *   spin -DFORGETFUL -a …   an acceptor that crashes comes back without its promise
 *   spin -DLAX -a …         an Accept below the promise is taken
 *   spin -DBLIND -a …       a leader overlooks what was accepted before
 *   spin -DMINORITY -a …    one promise is enough to lead
 *
 * Words: docs/protocol.md. Sources: Lamport, Paxos Made Simple, sections 2.2 and
 * 3, and the way in which his TLA+ specification keeps messages: what was said
 * is never taken back, so it may arrive late, twice, in any order, or never.
 */

#ifndef ACCEPTORS
#define ACCEPTORS 3
#endif
#ifndef BALLOTS
#define BALLOTS 2 /* 1 … BALLOTS; each is led at most once, by whoever drew it */
#endif
#ifndef SLOTS
#define SLOTS 1
#endif
#define VALUES 2 /* of clients: 1 … VALUES; NOOP fills gaps; 0 is none */
#define NOOP (VALUES + 1)
#ifdef MINORITY
#define QUORUM 1
#else
#define QUORUM (ACCEPTORS / 2 + 1)
#endif

#define AT(x, b) ((x) * (BALLOTS + 1) + (b))
#define IN(x, s) ((x) * SLOTS + (s))

bit prepared[BALLOTS + 1];              /* phase 1a was said */
byte promise[ACCEPTORS];                /* durable: the highest promise */
byte ballot[ACCEPTORS * SLOTS];         /* durable: the vote of each slot, by its ballot, 0 for none */
bit reported[ACCEPTORS * (BALLOTS + 1)]; /* phase 1b was said, with the votes of then: */
byte oldballot[ACCEPTORS * (BALLOTS + 1) * SLOTS];
byte proposed[(BALLOTS + 1) * SLOTS];   /* phase 2a: the value, per ballot and slot */
byte votes[(BALLOTS + 1) * SLOTS];      /* who ever voted for it, as bits: only to judge */
byte chosen[SLOTS];                     /* the first value that a quorum voted for in one ballot */

#ifdef FORGETFUL
bit crashed;
#endif

byte a, b, s, n, best, v; /* of one step only: zero between steps */

inline done() { a = 0; b = 0; s = 0; n = 0; best = 0; v = 0 }

/* pick gives x any number from low to high. */
inline pick(x, low, high) {
	x = low;
	do
	:: x < high -> x++
	:: break
	od
}

/* phase 1b, for all slots at once */
inline answer() {
	pick(a, 0, ACCEPTORS - 1);
	pick(b, 1, BALLOTS);
	if
	:: prepared[b] && promise[a] < b ->
		promise[a] = b;
		reported[AT(a, b)] = 1;
		s = 0;
		do
		:: s < SLOTS ->
			oldballot[IN(AT(a, b), s)] = ballot[IN(a, s)];
			s++
		:: else -> break
		od
	:: else
	fi
}

/* phase 2a: of what a quorum reports, the highest ballot's value; a client's or
 * a no-op only if there is none */
inline propose() {
	pick(b, 1, BALLOTS);
	pick(s, 0, SLOTS - 1);
	/* a quorum, chosen by v: one acceptor may be left out */
	pick(v, 0, ACCEPTORS);
	a = 0;
	do
	:: a < ACCEPTORS && a != v && reported[AT(a, b)] ->
		n++;
#ifndef BLIND
		if
		:: oldballot[IN(AT(a, b), s)] > best -> best = oldballot[IN(AT(a, b), s)]
		:: else
		fi;
#endif
		a++
	:: a < ACCEPTORS && !(a != v && reported[AT(a, b)]) -> a++
	:: a == ACCEPTORS -> break
	od;
	if
	:: n >= QUORUM && proposed[IN(b, s)] == 0 ->
		if
		:: best > 0 -> proposed[IN(b, s)] = proposed[IN(best, s)]
		:: best == 0 -> pick(v, 1, NOOP); proposed[IN(b, s)] = v
		fi
	:: else
	fi
}

/* phase 2b: taking an Accept raises the promise */
inline accept() {
	pick(a, 0, ACCEPTORS - 1);
	pick(b, 1, BALLOTS);
	pick(s, 0, SLOTS - 1);
	if
#ifdef LAX
	:: proposed[IN(b, s)] != 0 && ballot[IN(a, s)] != b ->
#else
	:: proposed[IN(b, s)] != 0 && promise[a] <= b && ballot[IN(a, s)] != b ->
#endif
		if
		:: promise[a] < b -> promise[a] = b
		:: else
		fi;
		ballot[IN(a, s)] = b;
		votes[IN(b, s)] = votes[IN(b, s)] | (1 << a);
		n = 0;
		best = votes[IN(b, s)];
		do
		:: best > 0 -> n = n + (best & 1); best = best >> 1
		:: else -> break
		od;
		if
		:: n >= ACCEPTORS / 2 + 1 ->
			assert(chosen[s] == 0 || chosen[s] == proposed[IN(b, s)]);
			chosen[s] = proposed[IN(b, s)]
		:: else
		fi
	:: else
	fi
}

init {
	do
	:: atomic { pick(b, 1, BALLOTS); prepared[b] = 1; done() }
	:: atomic { answer(); done() }
	:: atomic { propose(); done() }
	:: atomic { accept(); done() }
#ifdef FORGETFUL
	:: atomic { !crashed -> crashed = 1; pick(a, 0, ACCEPTORS - 1); promise[a] = 0; done() }
#endif
	od
}
