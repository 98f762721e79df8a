/* The life of one epoch and its orders (docs/protocol.md §5, §6), as contracts/Market.vy and
 * contracts/Relayers.vy run it, on a chain that reorganises. `python -m scripts.model` checks it.
 *
 * Order 0 belongs to a trader who follows the protocol, order 1 to one who does whatever the
 * contract lets it. The leader may fall silent for good at any moment; the pool may be paused and
 * the honest trader's credential revoked, and either undone, at any moment and without end.
 *
 * Taken as given: proofs are sound (a settlement pays every listed order that opens its
 * commitment and marks the others) and signatures are not forged. Prices and amounts are left out.
 *
 * -DMUTATION=<number> plants one defect of the list below; tests/model shows that each is found. */

#define ORDERS 2
#define HONEST 0

#define DEPTH 2                         /* of the reorganisations that clients are configured for */
/* First block of each window of the epoch, whose commits begin in block 0. */
#define FREEZE 2
#define REVEAL_FROM (FREEZE + DEPTH)    /* frozen lasts at least the depth */
#define SETTLE_FROM (REVEAL_FROM + 2)
#define DEADLINE (SETTLE_FROM + 2)
#define LAST (DEADLINE + 1)             /* stands for every later block */

#ifndef MUTATION
#define MUTATION 0
#endif
#define mutated(m) (MUTATION == m)
#define M_RECLAIM_SETTLING 1    /* reclaim accepted while the epoch may yet settle */
#define M_RECLAIM_SETTLED 2     /* reclaim ignores the mask of a settlement */
#define M_RECLAIM_TWICE 3       /* reclaim leaves the order's record as it was */
#define M_REVEAL_CANCELLED 4    /* reveal accepts a cancelled order */
#define M_SETTLE_LATE 5         /* settle accepted after the deadline */
#define M_SETTLE_TWICE 6        /* settle accepted in a settled epoch */
#define M_FORFEIT_FAILED 7      /* a failed epoch costs the bond */
#define M_FORFEIT_VOID 8        /* a void one does */
#define M_FORFEIT_SETTLED 9     /* any mask passes: the leader marks what was revealed truly */
#define M_REVEAL_UNBOUND 10     /* a reveal's signature does not bind the frozen set */
#define M_REVEAL_EARLY 11       /* clients open an order before its freeze is deep enough */
#define M_COMMIT_LATE 12        /* commit accepted after the freeze */
#define M_CANCEL_LATE 13        /* cancel accepted after the freeze */
#define M_SLASH_EMPTY 14        /* an epoch without reveals can be failed */
#define M_SLASH_SETTLED 15      /* a settled one can */
#define M_SLASH_EARLY 16        /* one that may yet settle can */
#define M_SLASH_TWICE 17        /* a failed one can be failed again */
#define M_RELEASE_EARLY 18      /* stake is released before its epoch is over */
#define M_PAUSE_RECLAIM 19      /* a pause stops reclaims */
#define M_CREDENTIAL_RECLAIM 20 /* a reclaim needs a credential */
#define M_VOID_STUCK 21         /* nothing is reclaimed from a void epoch */
#define M_FAILED_STUCK 22       /* nothing is from a failed one */
#define M_SETTLE_OMITS 23       /* a settlement may leave reveals out */
#define M_FAIL_CLOSED 24        /* nobody can fail an epoch */

/* An order's record. */
#define NONE 0
#define COMMITTED 1
#define REVEALED 2
#define RECLAIMED 3

/* The stake reserved for the epoch. */
#define RESERVED 1
#define RELEASED 2
#define SLASHED 3

typedef Order {
    unsigned record : 2;
    bit listed;             /* in the reveal chain */
    bit junk;               /* and what it encrypts does not open the commitment */
    bit marked;             /* in the settlement's invalid mask */
    bit stray;              /* observer: its owner signed the reveal for another set */
    unsigned paid : 2       /* observer: how often its lock went back or was settled */
}

typedef Chain {
    short set;              /* commit chain: an octal digit for each commit and cancel, in order */
    bit stale;              /* the source's answer for the freeze block */
    bit settled;
    unsigned stake : 2;
    Order order[ORDERS]
}

byte number;                /* the block being built: transactions run in it */
byte behind;                /* how far a reorganisation took it below the highest so far */
Chain tip;                  /* state in that block */
Chain past[DEPTH];          /* state before it, before the one before it */
Chain genesis;              /* never written: the epoch before its first commit */

bit paused, revoked;
bit calm;                   /* no more reorganisations */
bit deep;                   /* one went beyond DEPTH */
short shown;                /* the set for which the honest trader signed its reveal, for all to
                             * see and carry; 0 if it has not opened its order */

#define reveals (tip.order[0].listed || tip.order[1].listed)
#define is_void (tip.stale && number >= REVEAL_FROM)
#define is_empty (number >= SETTLE_FROM && !reveals && !is_void)
#define is_settling (number >= SETTLE_FROM && number < DEADLINE && reveals && !tip.settled)
#define is_failed (number >= DEADLINE && reveals && !tip.settled)

/* Dark before: whoever changes the set has seen no order of it. Reorganisations beyond DEPTH
 * are beyond what a client can wait for; then M_REVEAL_UNBOUND's guard limits the harm. */
inline change_set(digit) {
    assert(!shown || deep);
    tip.set = tip.set * 8 + digit
}

#define can_commit(i) (tip.order[i].record == NONE && !paused && !(i == HONEST && revoked) \
    && (number < FREEZE || (mutated(M_COMMIT_LATE) && number < SETTLE_FROM)))

inline commit(i) {
    change_set(1 + i);
    tip.order[i].record = COMMITTED;
    if
    :: tip.stake == NONE -> tip.stake = RESERVED
    :: else
    fi
}

#define can_reveal(i) (number >= REVEAL_FROM && number < SETTLE_FROM && !is_void \
    && (tip.order[i].record == COMMITTED \
        || (mutated(M_REVEAL_CANCELLED) && tip.order[i].record == RECLAIMED)))

inline reveal(i, is_junk, is_stray) {
    tip.order[i].record = REVEALED;
    tip.order[i].listed = true;
    tip.order[i].junk = is_junk;
    tip.order[i].stray = is_stray
}

/* Once: what was locked is settled or given back, never both and neither twice. */
inline pay(i) {
    tip.order[i].paid++;
    assert(tip.order[i].paid == 1)
}

#define can_settle (reveals && (!tip.settled || mutated(M_SETTLE_TWICE)) \
    && number >= SETTLE_FROM && (number < DEADLINE || mutated(M_SETTLE_LATE)))

inline settle_one(i) {
    assert(!tip.order[i].stray);
    tip.order[i].marked = tip.order[i].listed && (tip.order[i].junk || mutated(M_FORFEIT_SETTLED));
    if
    :: tip.order[i].listed && !tip.order[i].marked && !mutated(M_SETTLE_OMITS) -> pay(i)
    :: else
    fi
}

inline free_stake(into) {
    assert(tip.stake == RESERVED);
    tip.stake = into
}

inline settle() {
    settle_one(0);
    settle_one(1);
    tip.settled = true;
    free_stake(RELEASED)
}

#define held(i) (tip.order[i].record == COMMITTED || tip.order[i].record == REVEALED)
#define can_cancel(i) (held(i) && (number < FREEZE || (mutated(M_CANCEL_LATE) && number < SETTLE_FROM)))
#define can_reclaim(i) (held(i) \
    && !(mutated(M_PAUSE_RECLAIM) && paused) && !(mutated(M_CREDENTIAL_RECLAIM) && i == HONEST && revoked) \
    && ((tip.settled && (!tip.order[i].listed || tip.order[i].marked || mutated(M_RECLAIM_SETTLED))) \
        || is_empty \
        || (is_void && !mutated(M_VOID_STUCK)) \
        || (is_failed && !mutated(M_FAILED_STUCK)) \
        || (is_settling && mutated(M_RECLAIM_SETTLING))))

/* No free option: bonds are lost where the epoch ended Settled or Empty, never by a true reveal. */
#define may_forfeit(i) ((tip.settled || (number >= SETTLE_FROM && !reveals)) && !tip.stale \
    && !(tip.order[i].listed && !tip.order[i].junk))

inline give_back(i, forfeits) {
    assert(!(forfeits) || may_forfeit(i));
    pay(i);
    tip.order[i].record = (mutated(M_RECLAIM_TWICE) -> tip.order[i].record : RECLAIMED)
}

inline cancel(i) {
    change_set(1 + ORDERS + i);
    give_back(i, false)
}

inline reclaim(i) {
    if
    :: tip.settled -> give_back(i, true)
    :: is_empty -> give_back(i, true)
    :: is_void -> give_back(i, mutated(M_FORFEIT_VOID))
    :: is_failed || is_settling -> give_back(i, mutated(M_FORFEIT_FAILED))
    fi
}

#define can_fail (!mutated(M_FAIL_CLOSED) \
    && ((tip.stake == RESERVED && (is_failed \
            || (mutated(M_SLASH_EMPTY) && is_empty) || (mutated(M_SLASH_EARLY) && is_settling))) \
        || (mutated(M_SLASH_SETTLED) && tip.settled && tip.stake != SLASHED) \
        || (mutated(M_SLASH_TWICE) && is_failed)))

/* Accountable: a leader pays only for an epoch with reveals that it left past the deadline. */
inline fail() {
    assert(reveals && !tip.settled && number >= DEADLINE);
    free_stake(SLASHED)
}

#define can_release (tip.stake == RESERVED && (is_empty || is_void || (mutated(M_RELEASE_EARLY) && is_settling)))

/* The honest trader opens its order once the freeze is DEPTH below the head, which is the block
 * before this one; if the set changed after all, it signs for the new one. */
#define deep_enough (number > FREEZE + DEPTH || (mutated(M_REVEAL_EARLY) && number >= FREEZE))
#define can_show (deep_enough && number < SETTLE_FROM && !is_void \
    && tip.order[HONEST].record == COMMITTED && shown != tip.set)
#define can_carry (shown && can_reveal(HONEST) && (shown == tip.set || mutated(M_REVEAL_UNBOUND)))

proctype Trader(byte i) {
end:
    do
    :: atomic { can_commit(i) -> commit(i) }
    :: atomic { can_cancel(i) -> cancel(i) }
    :: atomic { can_reclaim(i) -> reclaim(i) }
    :: atomic { i == HONEST && can_show -> shown = tip.set }
    :: atomic { i != HONEST && can_reveal(i) -> reveal(i, false, false) }
    :: atomic { i != HONEST && can_reveal(i) -> reveal(i, true, false) }
    :: i != HONEST -> break
    od
}

active proctype Leader() {
end:
    do
    :: atomic { can_settle -> settle() }
    :: break
    od
}

/* Carries what was signed, on any branch, and calls what is open to all. */
active proctype Anyone() {
end:
    do
    :: atomic { can_carry -> reveal(HONEST, false, shown != tip.set) }
    :: atomic { can_fail -> fail() }
    :: atomic { can_release -> free_stake(RELEASED) }
    od
}

active proctype Governance() {
end:
    do
    :: paused = !paused
    :: revoked = !revoked
    od
}

inline copy_order(to, from) {
    to.record = from.record;
    to.listed = from.listed;
    to.junk = from.junk;
    to.marked = from.marked;
    to.stray = from.stray;
    to.paid = from.paid
}

inline copy(to, from) {
    to.set = from.set;
    to.stale = from.stale;
    to.settled = from.settled;
    to.stake = from.stake;
    copy_order(to.order[0], from.order[0]);
    copy_order(to.order[1], from.order[1])
}

inline grow() {
    if
    :: number == FREEZE -> tip.stale = true
    :: true
    fi;
    d_step {
        copy(past[1], past[0]);
        copy(past[0], tip);
        number++;
        behind = (behind > 0 -> behind - 1 : 0)
    }
}

/* Drops this block and the one before it: together DEPTH. */
inline drop_two() {
    copy(tip, past[1]);
    copy(past[0], past[1]);
    number--;
    behind++
}

inline drop_all() {
    copy(tip, genesis);
    copy(past[0], genesis);
    copy(past[1], genesis);
    number = 0;
    behind = 0;
    deep = true
}

active proctype Blocks() {
end:
    do
    :: atomic { number < LAST -> grow() }
    :: d_step { !calm && behind < DEPTH -> copy(tip, past[0]) }
    :: d_step { !calm && behind + 1 < DEPTH && number > 0 -> drop_two() }
    :: d_step { !calm && number > 0 -> drop_all() }
    :: !calm -> calm = true
    od
}

init {
    atomic {
        run Trader(0);
        run Trader(1)
    }
}

/* With traders, blocks and bystanders weakly fair, and reorganisations ending some day, the
 * honest order ends settled or reclaimed, and the stake released or slashed. */
ltl ends { <>[](!calm || ((tip.order[HONEST].record == NONE || tip.order[HONEST].paid == 1) && tip.stake != RESERVED)) }
