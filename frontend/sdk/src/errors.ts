/** What the SDK refuses with, by the names that the Python client uses. Every message says what to do. */

/** The base of them all, so that one `instanceof` tells a refusal from a fault. */
export class ShadowpoolError extends Error {
  // Said by each class, since a build shortens what it is called.
  override readonly name: string = "ShadowpoolError";
}

/** A number is not of the range that its use demands. */
export class OutOfRange extends ShadowpoolError {
  override readonly name: string = "OutOfRange";
}

/** The material given cannot make a key. */
export class KeyMaterialError extends ShadowpoolError {
  override readonly name: string = "KeyMaterialError";
}

/** The material is in range, but no proof can be made of it. */
export class MaterialError extends ShadowpoolError {
  override readonly name: string = "MaterialError";
}

/** The ciphertext is not for this key, or was altered. */
export class DecryptionError extends ShadowpoolError {
  override readonly name: string = "DecryptionError";
}

/** A deployment cannot be read or trusted. */
export class DeploymentError extends ShadowpoolError {
  override readonly name: string = "DeploymentError";
}

/** The node refused, or cannot be reached. */
export class ChainError extends ShadowpoolError {
  override readonly name: string = "ChainError";
}

/** A contract refuses the call; `reason` is its own text. */
export class Reverted extends ChainError {
  override readonly name: string = "Reverted";

  constructor(
    readonly call: string,
    readonly reason: string,
  ) {
    super(`${call}: ${reason}`);
  }
}

/** The chain changed its branch while it was read. */
export class Reorganised extends ChainError {
  override readonly name: string = "Reorganised";
}

/** What was rebuilt from events differs from what the contracts hold. */
export class Diverged extends ShadowpoolError {
  override readonly name: string = "Diverged";
}

/** The indexer's answer cannot be used. */
export class RestoreError extends ShadowpoolError {
  override readonly name: string = "RestoreError";
}

/** The carrier cannot be used, or did not carry it. */
export class CarrierError extends ChainError {
  override readonly name: string = "CarrierError";
}

/** The order would be refused. */
export class Refused extends ShadowpoolError {
  override readonly name: string = "Refused";
}

/** The trader holds no credential that the issuer's tree has. */
export class NoCredential extends Refused {
  override readonly name: string = "NoCredential";
}

/** The issuer published a root that nothing can be proven against. */
export class IssuerFault extends Refused {
  override readonly name: string = "IssuerFault";
}

/** The credential does not outlast the commit. */
export class CredentialExpired extends Refused {
  override readonly name: string = "CredentialExpired";
}

/** The market does not admit the credential, or not the order's terms. */
export class NotAdmitted extends Refused {
  override readonly name: string = "NotAdmitted";
}

/** The epoch's window is not open now. */
export class WindowClosed extends Refused {
  override readonly name: string = "WindowClosed";
}

/** The epoch has no place left. */
export class EpochFull extends Refused {
  override readonly name: string = "EpochFull";
}

/** The credential has used its orders of this epoch. */
export class QuotaUsed extends Refused {
  override readonly name: string = "QuotaUsed";
}

/** Deposits and commits are paused. */
export class Paused extends Refused {
  override readonly name: string = "Paused";
}

/** No market of this id is known. */
export class UnknownMarket extends Refused {
  override readonly name: string = "UnknownMarket";
}

/** An order cannot be revealed or reclaimed as things stand. */
export class OrderRefused extends Refused {
  override readonly name: string = "OrderRefused";
}

/** The notes do not cover the amount. */
export class InsufficientFunds extends ShadowpoolError {
  override readonly name: string = "InsufficientFunds";
}

/** The notes would cover the amount once they are in an advanced root. */
export class NotSpendableYet extends InsufficientFunds {
  override readonly name: string = "NotSpendableYet";
}

/** The notes would cover the amount, but no two of them do. */
export class NeedsConsolidation extends InsufficientFunds {
  override readonly name: string = "NeedsConsolidation";
}

/** A proof does not state what was asked of it. */
export class ProverError extends ShadowpoolError {
  override readonly name: string = "ProverError";
}

/** An institution's agent refuses, or cannot be reached; `code` is for programs. */
export class AgentError extends ShadowpoolError {
  override readonly name: string = "AgentError";

  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** A circuit's files cannot be had, or are not those that the manifest names. */
export class ArtifactError extends ShadowpoolError {
  override readonly name: string = "ArtifactError";
}
