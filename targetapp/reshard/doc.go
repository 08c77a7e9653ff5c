// Package reshard is the app's reshard role, a command that runs beside the load: it moves slots from shard to shard until they are spread as
// asked for, and tells how far it is. It keeps nothing of its own: the shard map says what has moved, so it may be stopped or
// die at any point and goes on when it is called again.
//
// A slot moves in seven steps, of which only the third to the sixth keep its writes waiting, for some 50 ms:
//
//  1. copy the rows to the new owner;
//  2. copy again what has changed meanwhile, until that is little;
//  3. freeze: the old owner refuses writes of the slot, for two seconds at most; writes under way end first, because each locks the slot's row;
//  4. copy what is left, and compare all rows;
//  5. give up: the old owner forgets that the slot was its own, unless the two seconds are over; this cannot be undone by a delay;
//  6. take: the new owner notes that the slot is its own, and the map says so from now on;
//  7. when all routers know, delete the rows at the old owner, if the new one has each of them.
package reshard
