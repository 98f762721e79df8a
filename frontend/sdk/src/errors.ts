/** What the SDK refuses with, by the names that the Python client uses. Every message says what to do. */

/** The base of them all, so that one `instanceof` tells a refusal from a fault. */
export class ShadowpoolError extends Error {
  override get name(): string {
    return this.constructor.name;
  }
}

/** A number is not of the range that its use demands. */
export class OutOfRange extends ShadowpoolError {}

/** The material given cannot make a key. */
export class KeyMaterialError extends ShadowpoolError {}

/** The material is in range, but no proof can be made of it. */
export class MaterialError extends ShadowpoolError {}

/** The ciphertext is not for this key, or was altered. */
export class DecryptionError extends ShadowpoolError {}

/** A deployment cannot be read or trusted. */
export class DeploymentError extends ShadowpoolError {}

/** The node refused, or cannot be reached. */
export class ChainError extends ShadowpoolError {}

/** A contract refuses the call; `reason` is its own text. */
export class Reverted extends ChainError {
  constructor(
    readonly call: string,
    readonly reason: string,
  ) {
    super(`${call}: ${reason}`);
  }
}

/** The chain changed its branch while it was read. */
export class Reorganised extends ChainError {}

/** What was rebuilt from events differs from what the contracts hold. */
export class Diverged extends ShadowpoolError {}

/** The indexer's answer cannot be used. */
export class RestoreError extends ShadowpoolError {}

/** The carrier cannot be used, or did not carry it. */
export class CarrierError extends ChainError {}

/** The order would be refused. */
export class Refused extends ShadowpoolError {}

/** The trader holds no credential that the issuer's tree has. */
export class NoCredential extends Refused {}

/** The issuer published a root that nothing can be proven against. */
export class IssuerFault extends Refused {}

/** The credential does not outlast the commit. */
export class CredentialExpired extends Refused {}

/** The market does not admit the credential, or not the order's terms. */
export class NotAdmitted extends Refused {}

/** The epoch's window is not open now. */
export class WindowClosed extends Refused {}

/** The epoch has no place left. */
export class EpochFull extends Refused {}

/** The credential has used its orders of this epoch. */
export class QuotaUsed extends Refused {}

/** Deposits and commits are paused. */
export class Paused extends Refused {}

/** No market of this id is known. */
export class UnknownMarket extends Refused {}

/** An order cannot be revealed or reclaimed as things stand. */
export class OrderRefused extends Refused {}

/** The notes do not cover the amount. */
export class InsufficientFunds extends ShadowpoolError {}

/** The notes would cover the amount once they are in an advanced root. */
export class NotSpendableYet extends InsufficientFunds {}

/** The notes would cover the amount, but no two of them do. */
export class NeedsConsolidation extends InsufficientFunds {}

/** A proof does not state what was asked of it. */
export class ProverError extends ShadowpoolError {}

/** An institution's agent refuses, or cannot be reached; `code` is for programs. */
export class AgentError extends ShadowpoolError {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** A circuit's files cannot be had, or are not those that the manifest names. */
export class ArtifactError extends ShadowpoolError {}
