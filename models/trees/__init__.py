"""Hoeffding trees and their forests over dense matrices."""
