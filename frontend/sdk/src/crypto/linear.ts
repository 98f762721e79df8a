/** Vectors and square matrices over the field. */

import { R, inverse, mod } from "./field";

export type Vector = bigint[];
export type Matrix = Vector[];

export function dot(a: Vector, b: Vector): bigint {
  let sum = 0n;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum % R;
}

export function apply(matrix: Matrix, vector: Vector): Vector {
  return matrix.map((row) => dot(row, vector));
}

export function add(a: Vector, b: Vector): Vector {
  return a.map((word, i) => (word + b[i]!) % R);
}

export function transpose(matrix: Matrix): Matrix {
  return matrix.map((_, i) => matrix.map((row) => row[i]!));
}

/** `exponent` of 1 or more. */
export function power(matrix: Matrix, exponent: number): Matrix {
  if (exponent === 1) return matrix;
  const root = power(matrix, exponent >> 1);
  const square = product(root, root);
  return exponent & 1 ? product(matrix, square) : square;
}

function product(a: Matrix, b: Matrix): Matrix {
  const columns = transpose(b);
  return a.map((row) => apply(columns, row));
}

/** Gauss–Jordan, for a matrix whose leading blocks are regular, as those of a Cauchy matrix are. */
export function invert(matrix: Matrix): Matrix {
  const wide = matrix.map((row, i) => [...row, ...row.map((_, j) => (i === j ? 1n : 0n))]);
  for (let i = 0; i < wide.length; i++) {
    const scale = inverse(wide[i]![i]!);
    const pivot = (wide[i] = wide[i]!.map((word) => (word * scale) % R));
    wide.forEach((row, k) => {
      const factor = row[i]!;
      if (k !== i && factor) wide[k] = row.map((word, j) => mod(word - factor * pivot[j]!));
    });
  }
  return wide.map((row) => row.slice(matrix.length));
}
