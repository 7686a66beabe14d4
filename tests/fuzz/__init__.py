"""Inputs of any kind: mistakes, mutations and past findings."""
